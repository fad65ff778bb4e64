import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { punchHole, readNow, spliceBytes, wallNano } from "#host";
import {
  decodeLogEntry,
  encodeLogEntry,
  LOG_DATA_FILE,
  LOG_ENTRY_BYTES,
  LOG_INDEX_FILE,
  LOG_START_FILE,
  type LogLimit,
  parseLogStart,
} from "#spec";

const PIECE_BYTES = 1024 * 1024;
const LF = 10;
const scratch = Buffer.alloc(64 * 1024);

/** Moves output into a log directory without reading it. Source of the format: spec/log-format.ts. */
export class LogWriter implements Disposable {
  readonly #data: number;
  readonly #index: number;
  readonly #entry = Buffer.alloc(LOG_ENTRY_BYTES);
  readonly #begun = new Set<string>();
  readonly #limit: LogLimit | undefined;
  readonly #startFile: string;
  #dataBytes: number;
  #indexBytes: number;
  #startBytes: number;
  /** Where in `index` the entries of kept pieces begin. */
  #startOfIndex: number;

  /** `isNewRun`: the process begins now; false when a new monitor continues the log of one that runs. */
  constructor(directory: string, isNewRun: boolean, limit?: LogLimit) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Not O_APPEND: splice(2) refuses such files with EINVAL.
    const open = (file: string): number =>
      openSync(path.join(directory, file), constants.O_RDWR | constants.O_CREAT, 0o640);
    this.#data = open(LOG_DATA_FILE);
    this.#index = open(LOG_INDEX_FILE);
    this.#dataBytes = fstatSync(this.#data).size;
    const indexBytes = fstatSync(this.#index).size;
    this.#indexBytes = indexBytes - (indexBytes % LOG_ENTRY_BYTES);
    this.#limit = limit;
    this.#startFile = path.join(directory, LOG_START_FILE);
    this.#startBytes = parseLogStart(textOf(this.#startFile));
    this.#startOfIndex = this.#entryAt(this.#startBytes) * LOG_ENTRY_BYTES;
    if (!isNewRun) this.#begun.add("stdout").add("stderr");
  }

  /** Moves what is in the pipe now: bytes moved, "ended" when it has no writer any more. */
  take(fd: number, stream: "stdout" | "stderr"): number | "ended" {
    const isRunStart = !this.#begun.has(stream);
    encodeLogEntry({ offset: this.#dataBytes, timeNano: wallNano(), stream, isRunStart }, this.#entry, 0);
    let moved: number | "empty" | "closed";
    try {
      writeSync(this.#index, this.#entry, 0, LOG_ENTRY_BYTES, this.#indexBytes);
      moved = spliceBytes(fd, this.#data, BigInt(this.#dataBytes), PIECE_BYTES);
    } catch {
      // A full disk must not stop the container: the piece is dropped, as Docker's json-file driver does.
      const dropped = readNow(fd, scratch);
      return typeof dropped === "number" ? dropped || "ended" : 0;
    }
    if (moved === "empty" || moved === "closed") return 0;
    if (moved === 0) return "ended";
    this.#dataBytes += moved;
    this.#indexBytes += LOG_ENTRY_BYTES;
    this.#begun.add(stream);
    this.#keepWithin(this.#limit);
    return moved;
  }

  /** Drops the oldest part of a full log: first says so, then frees it. Killed in between, the next drop frees both. */
  #keepWithin(limit: LogLimit | undefined): void {
    // Both files count: a container that says little often has more entries than text.
    const textBytes = this.#dataBytes - this.#startBytes;
    const keptBytes = textBytes + this.#indexBytes - this.#startOfIndex;
    if (limit === undefined || keptBytes <= limit.capacityBytes) return;
    try {
      const share = (limit.capacityBytes - limit.stepBytes) / keptBytes;
      const start = this.#lineAt(this.#dataBytes - Math.floor(textBytes * share));
      writeFileSync(`${this.#startFile}.new`, String(start));
      renameSync(`${this.#startFile}.new`, this.#startFile);
      this.#startBytes = start;
      punchHole(this.#data, 0, start);
      this.#startOfIndex = this.#entryAt(start) * LOG_ENTRY_BYTES;
      punchHole(this.#index, 0, this.#startOfIndex);
    } catch {
      // A disk that refuses this keeps a longer log: the container's output goes on, and the next piece tries again.
    }
  }

  /** The first line's begin at or after `offset`; `offset` itself in a line that does not end soon. */
  #lineAt(offset: number): number {
    const count = readSync(this.#data, scratch, 0, scratch.length, offset);
    const lf = scratch.subarray(0, count).indexOf(LF);
    return lf < 0 ? offset : offset + lf + 1;
  }

  /** Number of the last entry that begins at or before `offset`. */
  #entryAt(offset: number): number {
    const entry = Buffer.alloc(LOG_ENTRY_BYTES);
    let low = 0;
    let high = this.#indexBytes / LOG_ENTRY_BYTES;
    while (low < high) {
      const middle = (low + high) >> 1;
      readSync(this.#index, entry, 0, LOG_ENTRY_BYTES, middle * LOG_ENTRY_BYTES);
      if (decodeLogEntry(entry, 0).offset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  [Symbol.dispose](): void {
    closeSync(this.#data);
    closeSync(this.#index);
  }
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return undefined; // no limit was ever reached
  }
}
