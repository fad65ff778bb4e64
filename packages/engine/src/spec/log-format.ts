/**
 * A container's log on disk, written by the monitor (runtime room), read by the logs room.
 * `data` is the raw output of both streams in the order it came. `index` is a row of 16-byte entries, little endian:
 * bytes 0-6 the offset in `data` where a piece begins, byte 7 its flags, bytes 8-15 nanoseconds since the epoch.
 * A piece ends where the next one begins, the last one at the end of `data`: an entry is written BEFORE its bytes, so a writer
 * killed at any moment leaves no byte whose stream is unknown. 16 divides the page size, so no entry is ever torn.
 * A log with a limit loses its oldest part: `start` holds the offset of the first kept byte, as decimal text; what lies before it is a
 * hole in `data`, and entries of lost pieces are a hole in `index`. Offsets never change, so a reader goes on where it was.
 */
export const LOG_DATA_FILE = "data";
export const LOG_INDEX_FILE = "index";
export const LOG_START_FILE = "start";
export const LOG_ENTRY_BYTES = 16;

/** How much of a log is kept. */
export interface LogLimit {
  /** Never more than this. */
  readonly capacityBytes: number;
  /** So much goes at once when it is full. */
  readonly stepBytes: number;
}

/** Offset of the first kept byte in the text of `start`; 0 when there is none. */
export function parseLogStart(text: string | undefined): number {
  return text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : 0;
}

const STDERR_FLAG = 1;
const RUN_START_FLAG = 2;

export interface LogIndexEntry {
  readonly offset: number;
  readonly timeNano: bigint;
  readonly stream: "stdout" | "stderr";
  /** First piece of its stream in a new run of the container: no line continues across it. */
  readonly isRunStart: boolean;
}

export function encodeLogEntry(entry: LogIndexEntry, target: Buffer, at: number): void {
  target.writeUIntLE(entry.offset % 2 ** 48, at, 6);
  target.writeUInt8(Math.floor(entry.offset / 2 ** 48), at + 6);
  const flags = (entry.stream === "stderr" ? STDERR_FLAG : 0) | (entry.isRunStart ? RUN_START_FLAG : 0);
  target.writeUInt8(flags, at + 7);
  target.writeBigUInt64LE(entry.timeNano, at + 8);
}

export function decodeLogEntry(source: Buffer, at: number): LogIndexEntry {
  const flags = source.readUInt8(at + 7);
  return {
    offset: source.readUIntLE(at, 6) + source.readUInt8(at + 6) * 2 ** 48,
    timeNano: source.readBigUInt64LE(at + 8),
    stream: (flags & STDERR_FLAG) === 0 ? "stdout" : "stderr",
    isRunStart: (flags & RUN_START_FLAG) !== 0,
  };
}
