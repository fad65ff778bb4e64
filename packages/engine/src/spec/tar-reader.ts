import { LongshoreError } from "#kernel";

/** A tar member's header. Names are as written in the archive, without resolving anything. Source: pax(1), GNU tar manual. */
export interface TarEntry {
  readonly name: string;
  readonly type: "file" | "hardlink" | "symlink" | "character" | "block" | "directory" | "fifo";
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  /** Nanoseconds since the epoch. */
  readonly modifiedNano: bigint;
  readonly linkName: string;
  readonly major: number;
  readonly minor: number;
  /** Extended attributes, values as bytes. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

/** Told of members in order; `data` pieces follow their `entry`, `end` closes it. All synchronous. */
export interface TarSink {
  entry(entry: TarEntry): void;
  data(chunk: Buffer): void;
  end(): void;
}

const BLOCK = 512;
/** Extended headers larger than this are hostile. */
const MAX_META_BYTES = 1024 * 1024;
const TYPES: Readonly<Record<string, TarEntry["type"]>> = {
  "0": "file",
  "\0": "file",
  "7": "file",
  "1": "hardlink",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};
const refuse = (why: string): LongshoreError => new LongshoreError("invalid", `invalid tar archive: ${why}`);

/** A push parser: feed it chunks of any size. Throws `invalid` for archives out of grammar, never anything else. */
export class TarReader {
  readonly #sink: TarSink;
  #pending: Buffer = Buffer.alloc(0);
  #left = 0;
  #padding = 0;
  #meta: { type: string; chunks: Buffer[] } | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #global = new Map<string, Buffer>();
  #local = new Map<string, Buffer>();
  #isInEntry = false;
  #zeroBlocks = 0;
  #hasEnded = false;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    while (rest.length > 0 && !this.#hasEnded) {
      if (this.#left > 0) {
        const piece = rest.subarray(0, this.#left);
        this.#left -= piece.length;
        rest = rest.subarray(piece.length);
        this.#take(piece);
        if (this.#left === 0) this.#close();
        continue;
      }
      if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, rest.length);
        this.#padding -= skipped;
        rest = rest.subarray(skipped);
        continue;
      }
      if (rest.length < BLOCK) break;
      this.#header(rest.subarray(0, BLOCK));
      rest = rest.subarray(BLOCK);
    }
    // What is kept must not alias the caller's buffer.
    this.#pending = this.#hasEnded || rest.length === 0 ? Buffer.alloc(0) : Buffer.from(rest);
  }

  /** The archive's bytes are over; throws when they stop inside a member. */
  finish(): void {
    if (this.#left > 0 || this.#meta !== undefined || (this.#pending.length > 0 && !this.#hasEnded))
      throw refuse("unexpected end of archive");
  }

  #take(piece: Buffer): void {
    if (this.#meta !== undefined) this.#meta.chunks.push(Buffer.from(piece));
    else if (this.#isInEntry) this.#sink.data(piece);
  }

  #close(): void {
    if (this.#meta !== undefined) {
      const { type, chunks } = this.#meta;
      this.#meta = undefined;
      this.#metaDone(type, Buffer.concat(chunks));
    } else if (this.#isInEntry) {
      this.#isInEntry = false;
      this.#sink.end();
    }
  }

  #metaDone(type: string, body: Buffer): void {
    if (type === "L") this.#longName = untilNul(body);
    else if (type === "K") this.#longLink = untilNul(body);
    else if (type === "g") for (const [key, value] of parsePax(body)) this.#global.set(key, value);
    else this.#local = parsePax(body);
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      if (++this.#zeroBlocks === 2) this.#hasEnded = true;
      return;
    }
    this.#zeroBlocks = 0;
    checkSum(block);
    const typeFlag = String.fromCharCode(block[156] ?? 0);
    const headerSize = number(block, 124, 12, "size");
    if ("LKxg".includes(typeFlag)) {
      if (headerSize > MAX_META_BYTES)
        throw refuse(`extended header of ${headerSize} bytes, want at most ${MAX_META_BYTES}`);
      this.#meta = { type: typeFlag, chunks: [] };
      this.#begin(headerSize);
      return;
    }
    const type = TYPES[typeFlag];
    if (type === undefined) throw refuse(`member of unknown type ${JSON.stringify(typeFlag)}`);
    const entry = this.#entryOf(block, type, headerSize);
    this.#local = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#sink.entry(entry);
    this.#isInEntry = true;
    this.#begin(entry.type === "file" ? entry.sizeBytes : 0);
  }

  #begin(sizeBytes: number): void {
    this.#left = sizeBytes;
    this.#padding = (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
    if (sizeBytes === 0) this.#close();
  }

  #entryOf(block: Buffer, type: TarEntry["type"], headerSize: number): TarEntry {
    const pax = (key: string): Buffer | undefined => this.#local.get(key) ?? this.#global.get(key);
    const paxNumber = (key: string): number | undefined => {
      const text = pax(key)?.toString("latin1");
      if (text === undefined) return undefined;
      const value = Number(text);
      if (!Number.isSafeInteger(value) || value < 0)
        throw refuse(`extended header ${key}="${text.slice(0, 40)}", want a whole number`);
      return value;
    };
    const isUstar = block.toString("latin1", 257, 262) === "ustar";
    const prefix = isUstar && block[262] === 0 ? field(block, 345, 155) : "";
    const short = field(block, 0, 100);
    const name =
      pax("path")?.toString("utf8") ?? this.#longName ?? (prefix === "" ? short : `${prefix}/${short}`);
    if (name.includes("\0")) throw refuse("member name holds a NUL byte");
    const xattrs = new Map<string, Buffer>();
    for (const map of [this.#global, this.#local])
      for (const [key, value] of map)
        if (key.startsWith("SCHILY.xattr.")) xattrs.set(key.slice("SCHILY.xattr.".length), value);
    return {
      name,
      // Old archives mark directories by a trailing slash only.
      type: type === "file" && name.endsWith("/") ? "directory" : type,
      mode: number(block, 100, 8, "mode") & 0o7777,
      uid: paxNumber("uid") ?? number(block, 108, 8, "uid"),
      gid: paxNumber("gid") ?? number(block, 116, 8, "gid"),
      sizeBytes: paxNumber("size") ?? headerSize,
      modifiedNano: paxTime(pax("mtime")) ?? BigInt(number(block, 136, 12, "mtime")) * 1_000_000_000n,
      linkName: pax("linkpath")?.toString("utf8") ?? this.#longLink ?? field(block, 157, 100),
      major: isUstar ? number(block, 329, 8, "devmajor") : 0,
      minor: isUstar ? number(block, 337, 8, "devminor") : 0,
      xattrs,
    };
  }
}

function checkSum(block: Buffer): void {
  let sum = 256;
  for (let at = 0; at < BLOCK; at++) if (at < 148 || at >= 156) sum += block[at] ?? 0;
  // The field itself counts as eight blanks.
  if (number(block, 148, 8, "checksum") !== sum) throw refuse("wrong header checksum");
}

function field(block: Buffer, start: number, length: number): string {
  return untilNul(block.subarray(start, start + length));
}

function untilNul(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return bytes.toString("utf8", 0, nul < 0 ? bytes.length : nul);
}

/** Octal text, or base 256 when the top bit is set (GNU). */
function number(block: Buffer, start: number, length: number, what: string): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    if (first === 0xff) return 0;
    let value = BigInt(first & 0x7f);
    for (let at = start + 1; at < start + length; at++) value = (value << 8n) | BigInt(block[at] ?? 0);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refuse(`${what} is too large`);
    return Number(value);
  }
  const text = block
    .toString("latin1", start, start + length)
    .replace(/\0.*$/s, "")
    .trim();
  if (text === "") return 0;
  if (!/^[0-7]+$/.test(text)) throw refuse(`${what} ${JSON.stringify(text)} is not octal`);
  return Number.parseInt(text, 8);
}

/** `LENGTH KEY=VALUE\n` records. Source: pax(1), extended header. */
function parsePax(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(32, at);
    const length = space < 0 ? Number.NaN : Number(body.toString("latin1", at, space));
    if (!Number.isInteger(length) || length < 5 || at + length > body.length || body[at + length - 1] !== 10)
      throw refuse("broken extended header record");
    const equals = body.indexOf(61, space);
    if (equals < 0 || equals >= at + length) throw refuse("extended header record without '='");
    records.set(
      body.toString("utf8", space + 1, equals),
      Buffer.from(body.subarray(equals + 1, at + length - 1)),
    );
    at += length;
  }
  return records;
}

function paxTime(value: Buffer | undefined): bigint | undefined {
  if (value === undefined) return undefined;
  const match = /^(-?)(\d{1,11})(?:\.(\d+))?$/.exec(value.toString("latin1"));
  if (match === null) throw refuse("extended header mtime is not a time");
  const nano = BigInt(match[2] ?? "0") * 1_000_000_000n + BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  return match[1] === "-" ? -nano : nano;
}
