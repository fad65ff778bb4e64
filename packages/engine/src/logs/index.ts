import { rm } from "node:fs/promises";
import type { LogEntry, Logs } from "./contract.ts";
import { LogFile, LogWatch } from "./log-file.ts";
import { pieces, READ_BYTES } from "./pieces.ts";
import { readLines } from "./read-lines.ts";
import { Shipping, type ShippingDeps } from "./remote/shipping.ts";

export type * from "./contract.ts";
export { extraAttributes } from "./remote/attributes.ts";
export { checkRemoteLogOptions, REMOTE_LOG_DRIVERS, remoteLogOptions } from "./remote/index.ts";
export { memoryBytes } from "./remote/sizes.ts";
export { renderTag } from "./remote/tag.ts";

/** Opens the readers of container output. Dispose ends the sending; the next engine goes on where it was. */
export function openLogs(deps: ShippingDeps): Logs {
  const shipping = new Shipping(deps);
  return {
    openShipment: (source, signal) => shipping.open(source, signal),
    resumeShipment: (source, ended) => shipping.resume(source, ended),
    endShipment: (directory) => shipping.stop(directory),
    [Symbol.asyncDispose]: () => shipping[Symbol.asyncDispose](),
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
    if (piece === "pause") continue;
    for (let at = piece.offset; at < piece.end; at += READ_BYTES)
      yield {
        stream: piece.stream,
        timeNano: piece.timeNano,
        bytes: await file.bytes(at, Math.min(READ_BYTES, piece.end - at)),
      };
  }
}
