import type { LogEntry, LogQuery } from "./contract.ts";
import { LogFile, LogWatch } from "./log-file.ts";
import { pieces, READ_BYTES } from "./pieces.ts";

const LF = 10;
/** A line longer than this is given in parts, as Docker's json-file does with 16 KiB. */
const MAX_LINE_BYTES = 256 * 1024;
const BATCH_BYTES = 256 * 1024;

interface OpenLine {
  parts: Buffer[];
  bytes: number;
  timeNano: bigint;
}

/** Stored and, with follow, coming lines: each has its LF and the time of its first byte. */
export async function* readLines(
  directory: string,
  query: LogQuery,
  ended: Promise<unknown>,
  signal: AbortSignal,
): AsyncGenerator<readonly LogEntry[]> {
  await using file = new LogFile(directory);
  using watch = query.isFollowing ? await LogWatch.open(directory, ended, signal) : undefined;
  const from = query.tail === undefined ? 0 : await tailOffset(file, query, query.tail);
  const isWanted = (stream: "stdout" | "stderr"): boolean =>
    stream === "stdout" ? query.hasStdout : query.hasStderr;
  const open = new Map<"stdout" | "stderr", OpenLine>();
  let batch: LogEntry[] = [];
  let batchBytes = 0;
  const take = (): readonly LogEntry[] => {
    const taken = batch;
    batch = [];
    batchBytes = 0;
    return taken;
  };
  for await (const piece of pieces(file, from, watch)) {
    signal.throwIfAborted();
    if (piece === "pause") {
      if (batch.length > 0) yield take();
      continue;
    }
    if (query.untilNano !== undefined && piece.timeNano > query.untilNano) break;
    if (!isWanted(piece.stream)) continue;
    if (
      query.sinceNano !== undefined &&
      piece.timeNano < query.sinceNano &&
      !open.has(piece.stream) &&
      (await isSkippable(file, piece.end))
    )
      continue;
    const cutOff = piece.isRunStart ? open.get(piece.stream) : undefined;
    if (cutOff !== undefined && cutOff.bytes > 0) {
      open.delete(piece.stream);
      batch.push({ stream: piece.stream, timeNano: cutOff.timeNano, bytes: Buffer.concat(cutOff.parts) });
    }
    for (let at = piece.offset; at < piece.end; at += READ_BYTES) {
      const bytes = await file.bytes(at, Math.min(READ_BYTES, piece.end - at));
      cutLines(bytes, piece, open, query.sinceNano ?? 0n, batch);
      batchBytes += bytes.length;
      if (batchBytes >= BATCH_BYTES && batch.length > 0) yield take();
    }
  }
  for (const [stream, line] of open)
    if (line.bytes > 0 && (query.sinceNano === undefined || line.timeNano >= query.sinceNano))
      batch.push({ stream, timeNano: line.timeNano, bytes: Buffer.concat(line.parts) });
  if (batch.length > 0) yield take();
}

/** An old piece may be skipped unread only when it ends a line. */
async function isSkippable(file: LogFile, end: number): Promise<boolean> {
  const last = await file.bytes(end - 1, 1);
  return last[0] === LF;
}

/** Adds the lines that end in `bytes`, from `sinceNano` on, to `lines`; what is left over stays in `open`. */
function cutLines(
  bytes: Buffer,
  { stream, timeNano }: Pick<LogEntry, "stream" | "timeNano">,
  open: Map<"stdout" | "stderr", OpenLine>,
  sinceNano: bigint,
  lines: LogEntry[],
): void {
  for (let at = 0; at < bytes.length;) {
    const lf = bytes.indexOf(LF, at);
    const end = lf < 0 ? bytes.length : lf + 1;
    const part = bytes.subarray(at, end);
    at = end;
    const line = open.get(stream);
    if (lf >= 0 && line === undefined) {
      if (timeNano >= sinceNano) lines.push({ stream, timeNano, bytes: part });
      continue;
    }
    const { parts, ...known } = line ?? { parts: [], bytes: 0, timeNano };
    parts.push(part);
    const length = known.bytes + part.length;
    open.set(stream, { parts, bytes: length, timeNano: known.timeNano });
    if (lf < 0 && length < MAX_LINE_BYTES) continue;
    open.delete(stream);
    if (known.timeNano >= sinceNano)
      lines.push({ stream, timeNano: known.timeNano, bytes: Buffer.concat(parts, length) });
  }
}

/** Where the last `count` lines of the wanted streams begin, found from the end. */
async function tailOffset(file: LogFile, query: LogQuery, count: number): Promise<number> {
  const size = await file.dataBytes();
  const first = await file.startBytes();
  if (count === 0) return size;
  let found = 0;
  let end = size;
  let isAtEnd = true;
  for (let number = (await file.entryCount()) - 1; number >= 0 && end > first; number--) {
    const [entry] = await file.entries(number, 1);
    if (entry === undefined) break;
    const isWanted = entry.stream === "stdout" ? query.hasStdout : query.hasStderr;
    const begin = Math.max(entry.offset, first);
    for (let stop = end; isWanted && stop > begin;) {
      const start = Math.max(begin, stop - READ_BYTES);
      const bytes = await file.bytes(start, stop - start);
      for (let at = bytes.length - 1; at >= 0; at--) {
        if (bytes[at] !== LF) {
          // An unfinished last line counts as one.
          if (isAtEnd) found++;
          isAtEnd = false;
          continue;
        }
        if (isAtEnd) {
          isAtEnd = false;
          found++;
          continue;
        }
        if (++found > count) return start + at + 1;
      }
      stop = start;
    }
    end = entry.offset;
  }
  return first;
}
