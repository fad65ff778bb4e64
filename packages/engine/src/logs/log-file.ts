import { watch } from "node:fs";
import { type FileHandle, mkdir, open, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { errno } from "#kernel";
import {
  decodeLogEntry,
  LOG_DATA_FILE,
  LOG_ENTRY_BYTES,
  LOG_INDEX_FILE,
  LOG_START_FILE,
  type LogIndexEntry,
  parseLogStart,
} from "#spec";

/** So much is read at once where less is asked for: the next pieces are then there already. */
const WINDOW_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(0);

/** A piece of output with its place: bytes [offset, end) of `data`. */
export interface LogPiece extends LogIndexEntry {
  readonly end: number;
}

async function openIfThere(file: string): Promise<FileHandle | undefined> {
  try {
    return await open(file, "r");
  } catch (error) {
    if (errno(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (errno(error) === "ENOENT") return 0;
    throw error;
  }
}

/** Reads one container's log by offset. Files may appear later than the reader. */
export class LogFile implements AsyncDisposable {
  readonly #directory: string;
  #data: FileHandle | undefined;
  #index: FileHandle | undefined;
  readonly #isReusing: boolean;
  #room = NOTHING;
  #sizeBytes = 0;
  /** Bytes of `data` from `#windowAt` on: what is written never changes. */
  #window = NOTHING;
  #windowAt = 0;

  /** `isReusing`: bytes hold only until bytes that are not at hand are asked for. Fresh memory for each would keep the collector busy. */
  constructor(directory: string, isReusing = false) {
    this.#directory = directory;
    this.#isReusing = isReusing;
  }

  async dataBytes(): Promise<number> {
    this.#sizeBytes = await sizeOf(path.join(this.#directory, LOG_DATA_FILE));
    return this.#sizeBytes;
  }

  /** Offset of the first byte that is still kept. */
  async startBytes(): Promise<number> {
    try {
      return parseLogStart(await readFile(path.join(this.#directory, LOG_START_FILE), "latin1"));
    } catch (error) {
      if (errno(error) === "ENOENT") return 0;
      throw error;
    }
  }

  async entryCount(): Promise<number> {
    return Math.floor((await sizeOf(path.join(this.#directory, LOG_INDEX_FILE))) / LOG_ENTRY_BYTES);
  }

  /** Index entries [first, first + count), fewer at the end. */
  async entries(first: number, count: number): Promise<LogIndexEntry[]> {
    this.#index ??= await openIfThere(path.join(this.#directory, LOG_INDEX_FILE));
    if (this.#index === undefined || count <= 0) return [];
    const room = Buffer.alloc(count * LOG_ENTRY_BYTES);
    const { bytesRead } = await this.#index.read(room, 0, room.length, first * LOG_ENTRY_BYTES);
    return Array.from({ length: Math.floor(bytesRead / LOG_ENTRY_BYTES) }, (_, at) =>
      decodeLogEntry(room, at * LOG_ENTRY_BYTES),
    );
  }

  /** Number of the last entry that begins at or before `offset`. */
  async entryAt(offset: number): Promise<number> {
    let low = 0;
    let high = await this.entryCount();
    while (low < high) {
      const middle = (low + high) >> 1;
      const [entry] = await this.entries(middle, 1);
      if (entry !== undefined && entry.offset <= offset) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** Up to `length` bytes at `offset`, without those that a full log has dropped, also while they were read. */
  async bytes(offset: number, length: number): Promise<Buffer> {
    const held = this.held(offset, length);
    if (held !== undefined) return held;
    await this.#read(offset, Math.max(length, Math.min(WINDOW_BYTES, this.#sizeBytes - offset)));
    return this.#within(offset, length);
  }

  /** The same for who goes backwards: what is read besides lies before. */
  async bytesBefore(end: number, length: number): Promise<Buffer> {
    const held = this.held(end - length, length);
    if (held !== undefined) return held;
    const from = Math.max(0, Math.min(end - length, end - WINDOW_BYTES));
    await this.#read(from, end - from);
    return this.#within(end - length, length);
  }

  /** These bytes if they were read already. */
  held(offset: number, length: number): Buffer | undefined {
    const isHeld = offset >= this.#windowAt && offset + length <= this.#windowAt + this.#window.length;
    return isHeld ? this.#within(offset, length) : undefined;
  }

  /** Lets go of what was read ahead, before a long wait. */
  release(): void {
    this.#window = NOTHING;
    this.#room = NOTHING;
  }

  #within(offset: number, length: number): Buffer {
    const at = offset - this.#windowAt;
    return this.#window.subarray(Math.max(0, at), Math.max(0, at + length));
  }

  async #read(offset: number, length: number): Promise<void> {
    this.#window = NOTHING;
    this.#data ??= await openIfThere(path.join(this.#directory, LOG_DATA_FILE));
    if (this.#data === undefined || length <= 0) return;
    const room = this.#room.length < length ? Buffer.allocUnsafe(length) : this.#room;
    if (this.#isReusing) this.#room = room;
    const { bytesRead } = await this.#data.read(room, 0, length, offset);
    // Asked after the read: what was dropped meanwhile came as zeros.
    const dropped = Math.min(Math.max(0, (await this.startBytes()) - offset), bytesRead);
    this.#window = room.subarray(dropped, bytesRead);
    this.#windowAt = offset + dropped;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#data?.close();
    await this.#index?.close();
  }
}

/** Wakes a reader when the log's files change, the run ends or the reader is stopped. No timers. */
export class LogWatch implements Disposable {
  readonly #watcher: ReturnType<typeof watch>;
  readonly #signal: AbortSignal;
  #isDirty = false;
  #wake: () => void = () => {};
  hasEnded = false;

  static async open(directory: string, ended: Promise<unknown>, signal: AbortSignal): Promise<LogWatch> {
    await mkdir(directory, { recursive: true });
    return new LogWatch(directory, ended, signal);
  }

  private constructor(directory: string, ended: Promise<unknown>, signal: AbortSignal) {
    this.#signal = signal;
    this.#watcher = watch(directory, { persistent: false }, () => this.touch());
    this.#watcher.on("error", () => this.touch());
    signal.addEventListener("abort", () => this.touch(), { once: true });
    const end = (): void => {
      this.hasEnded = true;
      this.touch();
    };
    ended.then(end, end);
  }

  /** Lets the reader look again. */
  touch(): void {
    this.#isDirty = true;
    this.#wake();
  }

  /** Returns at once when something happened since the last call. */
  async changed(): Promise<void> {
    this.#signal.throwIfAborted();
    if (!this.#isDirty && !this.hasEnded) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      if (!this.#isDirty) await promise;
    }
    this.#isDirty = false;
    this.#signal.throwIfAborted();
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
  }
}
