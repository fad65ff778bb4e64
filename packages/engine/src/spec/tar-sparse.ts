import { LongshoreError } from "#kernel";

const BLOCK = 512;
/** Pieces of one file; more would be an attack on memory. */
const MAX_PIECES = 1_000_000;
const refuse = (why: string): LongshoreError =>
  new LongshoreError("invalid", `invalid tar archive: sparse member: ${why}`);

type Piece = readonly [offset: number, length: number];

/** Told what a sparse file holds, in order and without gaps. */
export interface SparseSink {
  data(chunk: Buffer): void;
  hole(sizeBytes: number): void;
}

/** What the extended header of a sparse member says. Source: GNU tar manual, "Storing Sparse Files", PAX formats 0.0, 0.1, 1.0. */
export interface SparseHeader {
  readonly name: string | undefined;
  readonly sizeBytes: number;
  /** Absent in format 1.0: there it comes before the data. */
  readonly map: string | undefined;
}

/** Undefined for a member that isn't sparse. Format 0.0's repeated records are read as one `GNU.sparse.map`. */
export function sparseHeader(records: ReadonlyMap<string, Buffer>): SparseHeader | undefined {
  const text = (key: string): string | undefined => records.get(`GNU.sparse.${key}`)?.toString("utf8");
  const [major, minor, map] = [text("major"), text("minor"), text("map")];
  if (map === undefined && major === undefined) return undefined;
  if (major !== undefined && `${major}.${minor ?? ""}` !== "1.0" && major !== "0")
    throw refuse(`version ${major}.${minor ?? ""} is unknown`);
  const isInData = major === "1";
  const size = text("realsize") ?? text("size") ?? "";
  if (!isInData && map === undefined) throw refuse("it has no map");
  return { name: text("name"), sizeBytes: wholeNumber(size), map: isInData ? undefined : map };
}

/** Spreads a member's data over the file that it was: feed it the data in chunks of any size. */
export class SparseReader {
  readonly #sizeBytes: number;
  readonly #sink: SparseSink;
  #dataBytes: number;
  #pieces: readonly Piece[] | undefined;
  #pending: Buffer = Buffer.alloc(0);
  /** Of a map that comes with the data: its numbers so far, and how many bytes they took. */
  #numbers: string[] = [];
  #mapBytes = 0;
  #wanted = 1;
  #at = 0;
  #next = 0;
  #left = 0;

  /** `dataBytes` is the member's size in the archive. */
  constructor(header: SparseHeader, dataBytes: number, sink: SparseSink) {
    this.#sizeBytes = header.sizeBytes;
    this.#dataBytes = dataBytes;
    this.#sink = sink;
    if (header.map !== undefined) this.#begin(header.map === "" ? [] : header.map.split(","));
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    if (this.#pieces === undefined) {
      this.#pending = Buffer.concat([this.#pending, chunk]);
      const left = this.#readMap();
      if (left === undefined) return;
      rest = left;
      this.#pending = Buffer.alloc(0);
    }
    while (rest.length > 0) {
      if (this.#left === 0 && !this.#advance()) throw refuse("it has more data than its map");
      const piece = rest.subarray(0, this.#left);
      this.#sink.data(piece);
      this.#at += piece.length;
      this.#left -= piece.length;
      rest = rest.subarray(piece.length);
    }
  }

  end(): void {
    if (this.#pieces === undefined) throw refuse("it ends inside of its map");
    if (this.#left > 0 || this.#advance()) throw refuse("it has less data than its map");
    if (this.#at < this.#sizeBytes) this.#sink.hole(this.#sizeBytes - this.#at);
  }

  /** To the next piece that has data; false after the last one. */
  #advance(): boolean {
    for (let piece = this.#pieces?.[this.#next]; piece !== undefined; piece = this.#pieces?.[this.#next]) {
      this.#next++;
      const [offset, length] = piece;
      if (length === 0) continue;
      if (offset > this.#at) this.#sink.hole(offset - this.#at);
      this.#at = offset;
      this.#left = length;
      return true;
    }
    return false;
  }

  /** Format 1.0: a count, then offsets and lengths, a line each, filled up to a block. What follows it; undefined until all is there. */
  #readMap(): Buffer | undefined {
    let at = 0;
    while (this.#numbers.length < this.#wanted) {
      const end = this.#pending.indexOf(10, at);
      if (end < 0) {
        if (this.#pending.length - at > 20) throw refuse("a line of its map is too long");
        this.#drop(at);
        return undefined;
      }
      this.#numbers.push(this.#pending.toString("latin1", at, end));
      at = end + 1;
      if (this.#numbers.length > 1) continue;
      const count = wholeNumber(this.#numbers[0] ?? "");
      if (count > MAX_PIECES) throw refuse(`its map has ${count} pieces, want at most ${MAX_PIECES}`);
      this.#wanted = 1 + 2 * count;
    }
    this.#drop(at);
    const padding = (BLOCK - (this.#mapBytes % BLOCK)) % BLOCK;
    if (this.#pending.length < padding) return undefined;
    this.#dataBytes -= this.#mapBytes + padding;
    this.#begin(this.#numbers.slice(1));
    return this.#pending.subarray(padding);
  }

  /** What was read of the map is not looked at again. */
  #drop(bytes: number): void {
    this.#mapBytes += bytes;
    this.#pending = Buffer.from(this.#pending.subarray(bytes));
  }

  #begin(numbers: readonly string[]): void {
    if (numbers.length % 2 !== 0 || numbers.length > 2 * MAX_PIECES) throw refuse("its map is broken");
    const pieces: Piece[] = [];
    let end = 0;
    let dataBytes = 0;
    for (let index = 0; index < numbers.length; index += 2) {
      const [offset, length] = [wholeNumber(numbers[index] ?? ""), wholeNumber(numbers[index + 1] ?? "")];
      if (offset < end || offset + length > this.#sizeBytes)
        throw refuse(`piece ${offset},${length} overlaps or lies behind the end`);
      end = offset + length;
      dataBytes += length;
      pieces.push([offset, length]);
    }
    if (dataBytes !== this.#dataBytes)
      throw refuse(`its map tells of ${dataBytes} bytes, ${this.#dataBytes} are there`);
    this.#pieces = pieces;
  }
}

function wholeNumber(text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw refuse(`${JSON.stringify(text.slice(0, 40))} is no whole number`);
  return value;
}
