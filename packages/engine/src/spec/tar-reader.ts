import { LongshoreError, nameOf } from "#kernel";
import { type SparseHeader, sparseHeader, SparseReader } from "./tar-sparse.ts";

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
  /** Zeros of a sparse file; without it sparse members are refused, for a few bytes may stand for any number of them. */
  hole?(sizeBytes: number): void;
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

/**
 * A push parser: feed it chunks of any size. Throws `invalid` for archives out of grammar, never anything else.
 * What follows the end mark (two blocks of zeros) is ignored. Members of types that Docker doesn't handle are refused.
 */
export class TarReader {
  readonly #sink: TarSink;
  #pending: Buffer = Buffer.alloc(0);
  #left = 0;
  #padding = 0;
  #meta: { type: string; chunks: Buffer[] } | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #local = new Map<string, Buffer>();
  /** An extended header waits for its member. */
  #hasExtension = false;
  #isInEntry = false;
  #sparse: SparseReader | undefined;
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

  /** The archive's bytes are over; throws when they stop inside a member or between a member and its extended header. */
  finish(): void {
    const isInside = this.#left > 0 || this.#padding > 0 || (this.#pending.length > 0 && !this.#hasEnded);
    if (isInside || this.#meta !== undefined || this.#hasExtension) throw refuse("unexpected end of archive");
  }

  #take(piece: Buffer): void {
    if (this.#meta !== undefined) this.#meta.chunks.push(Buffer.from(piece));
    else if (this.#sparse !== undefined) this.#sparse.push(piece);
    else if (this.#isInEntry) this.#sink.data(piece);
  }

  #close(): void {
    if (this.#meta !== undefined) {
      const { type, chunks } = this.#meta;
      this.#meta = undefined;
      this.#metaDone(type, Buffer.concat(chunks));
    } else if (this.#isInEntry) {
      this.#isInEntry = false;
      this.#sparse?.end();
      this.#sparse = undefined;
      this.#sink.end();
    }
  }

  #metaDone(type: string, body: Buffer): void {
    // Docker ignores what a global header says: following it would read another image than everyone else does.
    if (type === "g") return void parsePax(body);
    this.#hasExtension = true;
    if (type === "L") this.#longName = untilNul(body);
    else if (type === "K") this.#longLink = untilNul(body);
    else this.#local = parsePax(body);
  }

  #header(block: Buffer): void {
    if (block.every((byte) => byte === 0)) {
      if (++this.#zeroBlocks === 2) this.#hasEnded = true;
      return;
    }
    if (this.#zeroBlocks > 0) throw refuse("a lone block of zeros between members");
    checkSum(block);
    const typeFlag = String.fromCharCode(block[156] ?? 0);
    const headerSize = whole(block, 124, 12, "size");
    if ("LKxg".includes(typeFlag)) {
      if (headerSize > MAX_META_BYTES)
        throw refuse(`extended header of ${headerSize} bytes, want at most ${MAX_META_BYTES}`);
      this.#meta = { type: typeFlag, chunks: [] };
      this.#begin(headerSize);
      return;
    }
    const type = TYPES[typeFlag];
    if (type === undefined) throw refuse(`unhandled tar header type ${typeFlag.charCodeAt(0)}`);
    const sparse = type === "file" ? sparseHeader(this.#local) : undefined;
    const stored = this.#entryOf(block, type, headerSize);
    const entry = sparse === undefined ? stored : this.#openSparse(stored, sparse);
    this.#local = new Map();
    this.#hasExtension = false;
    this.#longName = undefined;
    this.#longLink = undefined;
    this.#sink.entry(entry);
    this.#isInEntry = true;
    this.#begin(entry.type === "file" ? stored.sizeBytes : 0);
  }

  #openSparse(stored: TarEntry, header: SparseHeader): TarEntry {
    const sink = this.#sink;
    if (sink.hole === undefined)
      throw refuse(`sparse member ${JSON.stringify(stored.name)} is not supported`);
    const { name = stored.name, sizeBytes } = header;
    if (name.includes("\0")) throw refuse("member name holds a NUL byte");
    this.#sparse = new SparseReader(header, stored.sizeBytes, {
      data: (chunk) => sink.data(chunk),
      hole: (bytes) => sink.hole?.(bytes),
    });
    return { ...stored, name, sizeBytes };
  }

  #begin(sizeBytes: number): void {
    this.#left = sizeBytes;
    this.#padding = (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
    if (sizeBytes === 0) this.#close();
  }

  #entryOf(block: Buffer, type: TarEntry["type"], headerSize: number): TarEntry {
    // An empty value takes the record back.
    const pax = (key: string): Buffer | undefined => {
      const value = this.#local.get(key);
      return value?.length === 0 ? undefined : value;
    };
    const paxNumber = (key: string): number | undefined => {
      const text = pax(key)?.toString("latin1");
      if (text === undefined) return undefined;
      const value = /^\d{1,19}$/.test(text) ? Number(text) : Number.NaN;
      if (!Number.isSafeInteger(value))
        throw refuse(`extended header ${key}="${text.slice(0, 40)}", want a whole number`);
      return value;
    };
    const paxName = (key: string): string | undefined => {
      const value = pax(key);
      return value === undefined ? undefined : nameOf(value);
    };
    const isUstar = block.toString("latin1", 257, 262) === "ustar";
    const prefix = isUstar && block[262] === 0 ? field(block, 345, 155) : "";
    const short = field(block, 0, 100);
    const name = paxName("path") ?? this.#longName ?? (prefix === "" ? short : `${prefix}/${short}`);
    const linkName = paxName("linkpath") ?? this.#longLink ?? field(block, 157, 100);
    if (`${name}${linkName}`.includes("\0")) throw refuse("member name holds a NUL byte");
    const xattrs = new Map<string, Buffer>();
    for (const [key, value] of this.#local)
      if (key.startsWith("SCHILY.xattr.")) xattrs.set(key.slice("SCHILY.xattr.".length), value);
    return {
      name,
      // Old archives mark directories by a trailing slash only, and know no other flag.
      type: block[156] === 0 && name.endsWith("/") ? "directory" : type,
      mode: whole(block, 100, 8, "mode") % 0o10000,
      uid: paxNumber("uid") ?? whole(block, 108, 8, "uid"),
      gid: paxNumber("gid") ?? whole(block, 116, 8, "gid"),
      sizeBytes: paxNumber("size") ?? headerSize,
      modifiedNano: timeOf(pax("mtime"), block),
      linkName,
      major: isUstar ? whole(block, 329, 8, "devmajor") : 0,
      minor: isUstar ? whole(block, 337, 8, "devminor") : 0,
      xattrs,
    };
  }
}

/** Some old archivers summed signed bytes. */
function checkSum(block: Buffer): void {
  let sum = 256;
  let signed = 256;
  for (let at = 0; at < BLOCK; at++) {
    // The field itself counts as eight blanks.
    if (at >= 148 && at < 156) continue;
    const byte = block[at] ?? 0;
    sum += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  const said = whole(block, 148, 8, "checksum");
  if (said !== sum && said !== signed) throw refuse("wrong header checksum");
}

function field(block: Buffer, start: number, length: number): string {
  return untilNul(block.subarray(start, start + length));
}

function untilNul(bytes: Buffer): string {
  const nul = bytes.indexOf(0);
  return nameOf(nul < 0 ? bytes : bytes.subarray(0, nul));
}

/** A number that can't be below zero. */
function whole(block: Buffer, start: number, length: number, what: string): number {
  const value = number(block, start, length, what);
  if (value < 0) throw refuse(`${what} is ${value}, want a whole number`);
  return value;
}

/** Octal text, or two's complement in base 256 when the top bit is set (GNU). */
function number(block: Buffer, start: number, length: number, what: string): number {
  const first = block[start] ?? 0;
  if (first & 0x80) {
    // The top bit is the mark, the next one the sign.
    let value = BigInt(first & 0x40 ? first - 256 : first & 0x7f);
    for (let at = start + 1; at < start + length; at++) value = (value << 8n) | BigInt(block[at] ?? 0);
    if (!Number.isSafeInteger(Number(value))) throw refuse(`${what} is too large`);
    return Number(value);
  }
  const text = block
    .toString("latin1", start, start + length)
    .replace(/^[\0 ]+/, "")
    .replace(/\0.*$/s, "")
    .trimEnd();
  if (text === "") return 0;
  if (!/^[0-7]+$/.test(text)) throw refuse(`${what} ${JSON.stringify(text)} is not octal`);
  return Number.parseInt(text, 8);
}

/** `LENGTH KEY=VALUE\n` records. Source: pax(1), extended header. */
function parsePax(body: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  const sparse: string[] = [];
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(32, at);
    const digits = space < 0 ? "" : body.toString("latin1", at, space);
    const length = /^\d{1,9}$/.test(digits) ? Number(digits) : Number.NaN;
    if (!Number.isInteger(length) || length < 5 || at + length > body.length || body[at + length - 1] !== 10)
      throw refuse("broken extended header record");
    const equals = body.indexOf(61, space);
    if (equals < 0 || equals >= at + length) throw refuse("extended header record without '='");
    const key = body.toString("utf8", space + 1, equals);
    const value = Buffer.from(body.subarray(equals + 1, at + length - 1));
    // The oldest sparse format repeats these two for each piece.
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") sparse.push(value.toString("latin1"));
    else records.set(key, value);
    at += length;
  }
  if (sparse.length > 0) records.set("GNU.sparse.map", Buffer.from(sparse.join(",")));
  return records;
}

/** What a Date can hold, in seconds. */
const MAX_TIME_SECONDS = 8_640_000_000_000n;

/** Nanoseconds of a member's time, from its extended header if that has one. */
function timeOf(extended: Buffer | undefined, block: Buffer): bigint {
  const nano =
    extended === undefined
      ? BigInt(number(block, 136, 12, "mtime")) * 1_000_000_000n
      : paxTime(extended.toString("latin1"));
  if (nano / 1_000_000_000n > MAX_TIME_SECONDS || nano / 1_000_000_000n < -MAX_TIME_SECONDS)
    throw refuse("mtime is out of range");
  return nano;
}

function paxTime(text: string): bigint {
  const match = /^(-?)(\d{1,19})(?:\.(\d*))?$/.exec(text);
  if (match === null) throw refuse(`extended header mtime="${text.slice(0, 40)}", want seconds`);
  const nano = BigInt(match[2] ?? "0") * 1_000_000_000n + BigInt((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  return match[1] === "-" ? -nano : nano;
}
