import { openSync, closeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { enterRoot, syncFileSystem } from "#host";
import { isKind, messageOf } from "#kernel";
import { TarReader } from "#spec";
import { LayerWriter } from "./layer-writer.ts";
import type { FromWriter, ToWriter } from "./writer-protocol.ts";

/** The thread that unpacks one layer: shut into the layer's directory before it sees the first byte. Synchronous calls only. */
const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker only");
const { root } = workerData as { root: string };
const writer = new LayerWriter();
const reader = new TarReader(writer);
const say = (message: FromWriter): void => port.postMessage(message);
let hasFailed = false;

enterRoot(root);
const rootFd = openSync("/", "r");

port.on("message", (message: ToWriter) => {
  if (hasFailed) return;
  try {
    if (message.kind === "data") {
      reader.push(Buffer.from(message.bytes.buffer, message.bytes.byteOffset, message.bytes.byteLength));
      say({ kind: "taken", bytes: message.bytes.byteLength });
      return;
    }
    reader.finish();
    writer.finish();
    syncFileSystem(rootFd);
    closeSync(rootFd);
    const { sizeBytes, hidesParent, implied, files } = writer;
    say({ kind: "done", sizeBytes, hidesParent, implied: [...implied], files: [...files.values()] });
  } catch (error) {
    hasFailed = true;
    say({ kind: "failed", isInvalid: isKind(error, "invalid"), message: messageOf(error) });
  }
});
