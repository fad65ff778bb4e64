/**
 * A container's log on disk, written by the monitor (runtime room), read by the logs room.
 * `data` is the raw output of both streams in the order it came. `index` is a row of 16-byte entries, little endian:
 * bytes 0-6 the offset in `data` where a piece begins, byte 7 its flags, bytes 8-15 nanoseconds since the epoch.
 * A piece ends where the next one begins, the last one at the end of `data`: an entry is written BEFORE its bytes, so a writer
 * killed at any moment leaves no byte whose stream is unknown. 16 divides the page size, so no entry is ever torn.
 */
export const LOG_DATA_FILE = "data";
export const LOG_INDEX_FILE = "index";
export const LOG_ENTRY_BYTES = 16;

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
