import type { LogFile, LogPiece, LogWatch } from "./log-file.ts";

const ENTRIES_AT_ONCE = 4096;
export const READ_BYTES: number = 256 * 1024;

/**
 * Pieces from byte `from` on, in order. Without `watch` up to what is there now; with it until the run has ended and all is read.
 * The last piece of a growing log is given as far as it is written and goes on later with the same entry. Before it waits for
 * more it says "pause". `isJoined`: neighbours of one stream and run come as one piece with the time of the first.
 */
export async function* pieces(
  file: LogFile,
  from: number,
  watch: LogWatch | undefined,
  isJoined = false,
): AsyncGenerator<LogPiece | "pause"> {
  let position = from;
  let entryNumber = await file.entryAt(from);
  for (;;) {
    // Ended is asked before the size: what is written before the end is then surely counted.
    const isLast = watch === undefined || watch.hasEnded;
    const size = await file.dataBytes();
    const total = await file.entryCount();
    const start = await file.startBytes();
    if (start > position) {
      position = start;
      entryNumber = Math.max(entryNumber, await file.entryAt(start));
    }
    while (position < size && entryNumber < total) {
      const batch = await file.entries(entryNumber, Math.min(ENTRIES_AT_ONCE, total - entryNumber) + 1);
      let held: LogPiece | undefined;
      for (const [index, entry] of batch.entries()) {
        const isOpen = entryNumber + index >= total - 1;
        const end = isOpen ? size : (batch[index + 1]?.offset ?? size);
        if (batch.length > ENTRIES_AT_ONCE && index === batch.length - 1) break;
        if (end > position) {
          // What is left of a piece begins no run.
          const isRunStart = entry.isRunStart && entry.offset >= position;
          if (isJoined && held?.stream === entry.stream && !isRunStart) held = { ...held, end };
          else {
            if (held !== undefined) yield held;
            held = { ...entry, isRunStart, offset: Math.max(entry.offset, position), end };
          }
          position = end;
        }
      }
      if (held !== undefined) yield held;
      entryNumber = Math.min(entryNumber + Math.min(batch.length, ENTRIES_AT_ONCE), Math.max(total - 1, 0));
      if (entryNumber >= total - 1 && position >= size) break;
    }
    if (isLast) return;
    yield "pause";
    file.release();
    await watch.changed();
  }
}
