import type { LogEntry, LogQuery } from "./contract.ts";
import { LogFile, LogWatch } from "./log-file.ts";
import { pieces, READ_BYTES } from "./pieces.ts";

const LF = 10;
/** A line longer than this is given in parts, as Docker's json-file does with 16 KiB. */
const MAX_LINE_BYTES = 256 * 1024;
const BATCH_BYTES = 256 * 1024;
/** Index entries that a search from the end reads at once. */
const ENTRIES_AT_ONCE = 512;

interface OpenLine {
  parts: Buffer[];
  bytes: number;
  timeNano: bigint;
}

/** Stored and, with follow, coming lines, as many in one entry as came in one piece. */
export async function* readLines(
  directory: string,
  query: LogQuery,
  ended: Promise<unknown>,
  signal: AbortSignal,
): AsyncGenerator<readonly LogEntry[]> {
  await using file = new LogFile(directory, true);
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
  const isJoined =
    !(query.hasTimes ?? false) && query.sinceNano === undefined && query.untilNano === undefined;
  for await (const piece of pieces(file, from, watch, isJoined)) {
    signal.throwIfAborted();
    if (piece === "pause") {
      if (batch.length > 0) yield take();
      continue;
    }
    if (query.untilNano !== undefined && piece.timeNano > query.untilNano) break;
    if (!isWanted(piece.stream)) continue;
    if (query.sinceNano !== undefined && piece.timeNano < query.sinceNano && !open.has(piece.stream)) {
      // An old piece may be skipped unread only when it ends a line.
      const held = file.held(piece.end - 1, 1);
      if (held === undefined && batch.length > 0) yield take();
      const [last] = held ?? (await file.bytes(piece.end - 1, 1));
      if (last === LF) continue;
    }
    const cutOff = piece.isRunStart ? open.get(piece.stream) : undefined;
    if (cutOff !== undefined && cutOff.bytes > 0) {
      open.delete(piece.stream);
      batch.push({ stream: piece.stream, timeNano: cutOff.timeNano, bytes: Buffer.concat(cutOff.parts) });
    }
    for (let at = piece.offset; at < piece.end; at += READ_BYTES) {
      const wanted = Math.min(READ_BYTES, piece.end - at);
      const held = file.held(at, wanted);
      // Reading further takes the memory of what the batch has.
      if (held === undefined && batch.length > 0) yield take();
      const bytes = held ?? (await file.bytes(at, wanted));
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

/** Adds the lines that end in `bytes`, from `sinceNano` on, to `lines`; what is left over stays in `open`. */
function cutLines(
  bytes: Buffer,
  { stream, timeNano }: Pick<LogEntry, "stream" | "timeNano">,
  open: Map<"stdout" | "stderr", OpenLine>,
  sinceNano: bigint,
  lines: LogEntry[],
): void {
  const line = open.get(stream);
  const first = line === undefined ? 0 : bytes.indexOf(LF) + 1 || bytes.length;
  const last = Math.max(first, bytes.lastIndexOf(LF) + 1);
  if (line !== undefined) {
    line.parts.push(Buffer.from(bytes.subarray(0, first)));
    line.bytes += first;
    if (bytes[first - 1] === LF || line.bytes >= MAX_LINE_BYTES) {
      open.delete(stream);
      if (line.timeNano >= sinceNano)
        lines.push({ stream, timeNano: line.timeNano, bytes: Buffer.concat(line.parts, line.bytes) });
    }
  }
  if (last > first && timeNano >= sinceNano)
    lines.push({ stream, timeNano, bytes: bytes.subarray(first, last) });
  const rest = bytes.subarray(last);
  if (rest.length >= MAX_LINE_BYTES) {
    if (timeNano >= sinceNano) lines.push({ stream, timeNano, bytes: rest });
  } else if (rest.length > 0) open.set(stream, { parts: [Buffer.from(rest)], bytes: rest.length, timeNano });
}

/** Where the last `count` lines of the wanted streams begin, found from the end. */
async function tailOffset(file: LogFile, query: LogQuery, count: number): Promise<number> {
  const size = await file.dataBytes();
  const first = await file.startBytes();
  if (count === 0) return size;
  let found = 0;
  let end = size;
  let isAtEnd = true;
  for (let number = await file.entryCount(); number > 0 && end > first;) {
    const known = Math.min(ENTRIES_AT_ONCE, number);
    number -= known;
    for (const entry of (await file.entries(number, known)).toReversed()) {
      const isWanted = entry.stream === "stdout" ? query.hasStdout : query.hasStderr;
      const begin = Math.max(entry.offset, first);
      for (let stop = end; isWanted && stop > begin;) {
        const length = Math.min(READ_BYTES, stop - begin);
        const bytes = await file.bytesBefore(stop, length);
        // What ends the output is a line, with its LF or without.
        let at = bytes.length - Number(isAtEnd);
        if (isAtEnd && bytes.length > 0) {
          found = 1;
          isAtEnd = false;
        }
        while (at > 0) {
          at = bytes.lastIndexOf(LF, at - 1);
          if (at >= 0 && ++found > count) return stop - bytes.length + at + 1;
        }
        stop -= length;
      }
      end = entry.offset;
    }
  }
  return first;
}
