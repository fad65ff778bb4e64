import type { LayerFile } from "@longshore/protocol";

/** One entry of a tar, with its content still to come. */
export interface TarEntry {
  readonly file: LayerFile;
  readonly content: AsyncIterable<Uint8Array>;
}

const BLOCK = 512;
const LONGEST_META_BYTES = 1024 * 1024;

/** Hands out bytes in the sizes that the reader asks for. */
class ByteSource {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** At most `most` bytes; empty at the end. */
  async some(most: number): Promise<Uint8Array> {
    if (this.#rest.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return new Uint8Array();
      this.#rest = next.value;
    }
    const piece = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(piece.length);
    return piece;
  }

  async exactly(length: number): Promise<Uint8Array> {
    const whole = new Uint8Array(length);
    for (let at = 0; at < length;) {
      const piece = await this.some(length - at);
      if (piece.length === 0) return whole.subarray(0, at);
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}

/** Reads the entries of a tar (ustar, GNU long names, pax path, size and linkpath). Content not taken is skipped. */
export async function* readTar(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TarEntry> {
  const source = new ByteSource(chunks);
  let longName: string | undefined;
  let longLink: string | undefined;
  let pax: Readonly<Record<string, string>> = {};
  for (;;) {
    const header = await source.exactly(BLOCK);
    if (header.length < BLOCK || header.every((byte) => byte === 0)) return;
    const kind = String.fromCharCode(header[156] ?? 0);
    const size = pax["size"] === undefined ? octal(header, 124, 12) : Number(pax["size"]);
    if (kind === "L" || kind === "K" || kind === "x" || kind === "g") {
      if (size > LONGEST_META_BYTES) throw new Error("the archive holds a name longer than 1 MiB");
      const body = await source.exactly(size);
      await skip(source, padding(size));
      if (kind === "L") longName = trimmed(body);
      else if (kind === "K") longLink = trimmed(body);
      else if (kind === "x") pax = { ...pax, ...paxRecords(body) };
      continue;
    }
    const prefix = field(header, 345, 155);
    const name =
      pax["path"] ??
      longName ??
      (prefix === "" ? field(header, 0, 100) : `${prefix}/${field(header, 0, 100)}`);
    const link = pax["linkpath"] ?? longLink ?? field(header, 157, 100);
    let leftBytes = kind === "0" || kind === "\0" || kind === "7" ? size : 0;
    const end = padding(leftBytes);
    const content = (async function* (): AsyncGenerator<Uint8Array> {
      while (leftBytes > 0) {
        const piece = await source.some(leftBytes);
        if (piece.length === 0) throw new Error("the archive ends inside a file");
        leftBytes -= piece.length;
        yield piece;
      }
    })();
    yield {
      file: {
        path: `/${name.replace(/^(\.?\/)+/, "").replace(/\/$/, "")}`,
        type: typeOf(kind),
        change: "added",
        sizeBytes: leftBytes,
        mode: octal(header, 100, 8) & 0o7777,
        uid: octal(header, 108, 8),
        gid: octal(header, 116, 8),
        modifiedAt: new Date(octal(header, 136, 12) * 1000).toISOString(),
        ...(link === "" ? {} : { linkTarget: link }),
      },
      content,
    };
    await skip(source, leftBytes + end);
    longName = longLink = undefined;
    pax = {};
  }
}

function typeOf(kind: string): LayerFile["type"] {
  switch (kind) {
    case "1":
      return "hardlink";
    case "2":
      return "symlink";
    case "3":
    case "4":
      return "device";
    case "5":
      return "directory";
    case "6":
      return "fifo";
    default:
      return "file";
  }
}

async function skip(source: ByteSource, length: number): Promise<void> {
  for (let left = length; left > 0;) {
    const piece = await source.some(left);
    if (piece.length === 0) return;
    left -= piece.length;
  }
}

function padding(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function trimmed(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replace(/\0.*$/s, "");
}

function field(header: Uint8Array, at: number, length: number): string {
  return trimmed(header.subarray(at, at + length));
}

/** Octal text, or GNU's base 256 for what octal cannot hold. */
function octal(header: Uint8Array, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) !== 0) {
    let value = (header[at] ?? 0) & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + (header[at + i] ?? 0);
    return value;
  }
  const value = Number.parseInt(field(header, at, length).trim(), 8);
  return Number.isNaN(value) ? 0 : value;
}

/** Records of "length key=value\n". Source: POSIX.1-2001 pax. */
function paxRecords(body: Uint8Array): Record<string, string> {
  const found: Record<string, string> = {};
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(new TextDecoder().decode(body.subarray(at, space)));
    if (space < 0 || !Number.isInteger(length) || length <= 0) break;
    const line = new TextDecoder().decode(body.subarray(space + 1, at + length - 1));
    const equals = line.indexOf("=");
    if (equals > 0) found[line.slice(0, equals)] = line.slice(equals + 1);
    at += length;
  }
  return found;
}
