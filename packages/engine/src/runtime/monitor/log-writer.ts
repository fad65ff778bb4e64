import { closeSync, fstatSync, mkdirSync, openSync, writeSync } from "node:fs";
import path from "node:path";
import { readNow, spliceBytes, wallNano } from "#host";
import { encodeLogEntry, LOG_DATA_FILE, LOG_ENTRY_BYTES, LOG_INDEX_FILE } from "#spec";

const PIECE_BYTES = 1024 * 1024;
const scratch = Buffer.alloc(64 * 1024);

/** Moves output into a log directory without reading it. Source of the format: spec/log-format.ts. */
export class LogWriter implements Disposable {
  readonly #data: number;
  readonly #index: number;
  readonly #entry = Buffer.alloc(LOG_ENTRY_BYTES);
  readonly #begun = new Set<string>();
  #dataBytes: number;
  #indexBytes: number;

  /** `isNewRun`: the process begins now; false when a new monitor continues the log of one that runs. */
  constructor(directory: string, isNewRun: boolean) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // Not O_APPEND: splice(2) refuses such files with EINVAL.
    const open = (file: string): number => openSync(path.join(directory, file), 1 | 0o100, 0o640);
    this.#data = open(LOG_DATA_FILE);
    this.#index = open(LOG_INDEX_FILE);
    this.#dataBytes = fstatSync(this.#data).size;
    const indexBytes = fstatSync(this.#index).size;
    this.#indexBytes = indexBytes - (indexBytes % LOG_ENTRY_BYTES);
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
    return moved;
  }

  [Symbol.dispose](): void {
    closeSync(this.#data);
    closeSync(this.#index);
  }
}
