import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { enterRoot } from "#host";
import { errno, isKind, messageOf } from "#kernel";
import { parseDigest, TarReader } from "#spec";
import { RingReader } from "./byte-ring.ts";
import { isDiskFull } from "./disk-full.ts";
import { packIndex } from "./layer-index.ts";
import { LayerWriter } from "./layer-writer.ts";
import { plainBytes } from "./plain-bytes.ts";
import type { FromWriter, WriterData, Written } from "./writer-protocol.ts";

/**
 * The thread that takes in one layer: keeps its bytes, decompresses, hashes and unpacks them. It is shut into the layer's directory before it
 * sees the first byte. File calls are synchronous; only zlib's work is done in libuv's pool, which stays outside.
 */
const port = parentPort;
if (port === null) throw new Error("writer-thread.ts runs as a worker only");
const { root, memory, indexFile, blob, isUnhashed } = workerData as WriterData;
const say = (message: FromWriter): void => port.postMessage(message);

try {
  const blobFd = blob === undefined ? undefined : openSync(blob.file, "a", 0o644);
  const indexFd = openSync(indexFile, "wx", 0o644);
  enterRoot(root);
  const written = await receive(blobFd, indexFd);
  if (blobFd !== undefined) closeSync(blobFd);
  closeSync(indexFd);
  say({ kind: "done", ...written });
} catch (error) {
  const code = isDiskFull(error) ? errno(error) : undefined;
  const isInvalid = isKind(error, "invalid");
  say({ kind: "failed", isInvalid, message: messageOf(error), ...(code !== undefined && { code }) });
}

async function receive(blobFd: number | undefined, indexFd: number): Promise<Written> {
  using ring = new RingReader(memory);
  const writer = new LayerWriter();
  const reader = new TarReader(writer);
  const isHashed = isUnhashed !== true;
  const hash = isHashed && blobFd !== undefined ? createHash("sha256") : undefined;
  let plainHash: Hash | undefined;
  let knownBytes = blob?.hadBytes ?? 0;
  let isLayer = true;
  let blobFailure: { readonly error: unknown } | undefined;

  /** The thread is shut into the draft: its root is all of it. */
  const giveUp = (): void => {
    isLayer = false;
    writer.abandon();
    for (const name of readdirSync("/", "buffer"))
      rmSync(Buffer.concat([Buffer.from("/"), name]), { recursive: true });
  };
  const keep = (piece: Buffer): void => {
    hash?.update(piece);
    if (blobFd === undefined) return;
    const fresh = piece.subarray(Math.min(knownBytes, piece.length));
    knownBytes -= piece.length - fresh.length;
    for (let at = 0; at < fresh.length;) {
      try {
        at += writeSync(blobFd, fresh, at);
      } catch (error) {
        if (isLayer) giveUp();
        else {
          blobFailure = { error };
          throw error;
        }
      }
    }
  };
  async function* pieces(): AsyncGenerator<Buffer> {
    for (let piece = ring.next(); piece !== undefined; piece = ring.next()) {
      keep(piece);
      yield piece;
    }
  }
  const unpack = async (): Promise<void> => {
    const plain = plainBytes(pieces(), new AbortController().signal, (kind) => {
      if (isHashed) plainHash = kind === "none" && hash !== undefined ? hash : createHash("sha256");
    });
    for await (const chunk of plain) {
      if (ring.isCut || !isLayer) break;
      if (plainHash !== hash) plainHash?.update(chunk);
      reader.push(chunk);
    }
    if (ring.isCut) throw new Error("the archive broke off");
    if (!isLayer) return;
    reader.finish();
    writer.finish();
    writeFileSync(indexFd, packIndex([...writer.files.values()]));
  };

  try {
    await unpack();
  } catch (error) {
    if (blobFailure !== undefined) throw blobFailure.error;
    if (blobFd === undefined) throw error;
    if (isLayer) giveUp();
  }
  for (let piece = ring.next(); piece !== undefined; piece = ring.next()) keep(piece);
  const digest = hash?.digest("hex");
  const diffId = plainHash === hash ? digest : plainHash?.digest("hex");
  const { sizeBytes, hidesParent, implied } = writer;
  return {
    ...(digest !== undefined && { digest: parseDigest(`sha256:${digest}`) }),
    ...(diffId !== undefined && { diffId: parseDigest(`sha256:${diffId}`) }),
    ...(isLayer && { tree: { sizeBytes, ...(hidesParent && { hidesParent }), implied: [...implied] } }),
  };
}
