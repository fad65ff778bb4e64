import { closeSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { enterRoot } from "#host";
import { isKind, messageOf } from "#kernel";
import { TarReader } from "#spec";
import { readRing } from "./byte-ring.ts";
import { explainDisk } from "./disk-full.ts";
import { LayerWriter } from "./layer-writer.ts";
import type { FromWriter, UnpackedTree, WriterData } from "./writer-protocol.ts";

/** The thread that unpacks one layer: shut into the layer's directory before it sees the first byte. Synchronous calls only. */
const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker only");
const { root, memory, blobFile } = workerData as WriterData;
const say = (message: FromWriter): void => port.postMessage(message);

try {
  const blob = blobFile === undefined ? undefined : openSync(blobFile, "wx", 0o644);
  enterRoot(root);
  const tree = receive(blob);
  if (blob !== undefined) closeSync(blob);
  say({ kind: "done", ...(tree !== undefined && { tree }) });
} catch (error) {
  const { message, isInvalid } = { message: messageOf(error), isInvalid: isKind(error, "invalid") };
  say({ kind: "failed", isInvalid, message });
}

/** Undefined when the bytes were kept and are no layer, or when there is room for the blob only. */
function receive(blob: number | undefined): UnpackedTree | undefined {
  const writer = new LayerWriter();
  const reader = new TarReader(writer);
  let isLayer = true;
  const attempt = (step: () => void): void => {
    try {
      if (isLayer) step();
    } catch (error) {
      if (blob === undefined) throw error;
      giveUp();
    }
  };
  /** The thread is shut into the draft: its root is all of it. */
  const giveUp = (): void => {
    isLayer = false;
    writer.abandon();
    for (const name of readdirSync("/")) rmSync(`/${name}`, { recursive: true });
  };
  readRing(memory, (piece) => {
    for (let at = 0; blob !== undefined && at < piece.length;) {
      try {
        at += writeSync(blob, piece, at);
      } catch (error) {
        if (!isLayer) throw explainDisk(error, "blob of the archive cannot be written");
        giveUp();
      }
    }
    attempt(() => reader.push(piece));
  });
  attempt(() => {
    reader.finish();
    writer.finish();
  });
  const { sizeBytes, hidesParent, implied, files } = writer;
  return isLayer
    ? { sizeBytes, ...(hidesParent && { hidesParent }), implied: [...implied], files: [...files.values()] }
    : undefined;
}
