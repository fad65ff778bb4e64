import { rm } from "node:fs/promises";
import type { Logger } from "#kernel";
import type { LogEntry, Logs } from "./contract.ts";
import { LogFile, LogWatch } from "./log-file.ts";
import { pieces, READ_BYTES } from "./pieces.ts";
import { readLines } from "./read-lines.ts";

export type * from "./contract.ts";

/** Opens the readers of container output. Holds nothing between calls. */
export function openLogs(_deps: { readonly log: Logger }): Logs {
  return {
    read: readLines,
    attach: attachOutput,
    endOffset: async (directory) => {
      await using file = new LogFile(directory);
      return await file.dataBytes();
    },
    sizeBytes: async (directory) => {
      await using file = new LogFile(directory);
      return (await file.dataBytes()) - (await file.startBytes());
    },
    remove: (directory) => rm(directory, { recursive: true, force: true }),
  };
}

async function* attachOutput(
  directory: string,
  fromOffset: number | undefined,
  ended: Promise<unknown>,
  signal: AbortSignal,
): AsyncGenerator<LogEntry> {
  await using file = new LogFile(directory);
  using watch = await LogWatch.open(directory, ended, signal);
  for await (const piece of pieces(file, fromOffset ?? (await file.dataBytes()), watch)) {
    for (let at = piece.offset; at < piece.end; at += READ_BYTES)
      yield {
        stream: piece.stream,
        timeNano: piece.timeNano,
        bytes: await file.bytes(at, Math.min(READ_BYTES, piece.end - at)),
      };
  }
}
