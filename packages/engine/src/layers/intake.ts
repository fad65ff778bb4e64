import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { removeTree } from "#host";
import { randomId } from "#kernel";
import { type Digest, parseDigest } from "#spec";
import type { BlobStore } from "./blob-store.ts";
import type { LayerDraft, Received } from "./contract.ts";
import { explainDisk } from "./disk-full.ts";
import { type Unpacked, WriterThread } from "./unpack.ts";

/** An unpacked tree in `tmp/` that no layer took over yet. */
export class TreeDraft implements LayerDraft {
  readonly folder: string;
  readonly unpacked: Unpacked;

  constructor(folder: string, unpacked: Unpacked) {
    this.folder = folder;
    this.unpacked = unpacked;
  }

  /** Once taken over the folder has another name: nothing is left to remove. */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeTree(this.folder);
  }
}

/** Keeps a plain tar as a blob and unpacks it at the same time: read once, hashed once, for the digests of both are the same. */
export async function receive(
  drafts: string,
  blobs: BlobStore,
  source: AsyncIterable<Uint8Array>,
  holds: DisposableStack,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly done: Promise<Received> }> {
  const id = randomId().slice(0, 16);
  const folder = path.join(drafts, `layer-${id}`);
  const blobFile = path.join(drafts, `blob-${id}`);
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTree(folder));
  undo.defer(() => rm(blobFile, { force: true }));
  await mkdir(path.join(folder, "fs"), { recursive: true });
  const thread = undo.use(await WriterThread.open(path.join(folder, "fs"), blobFile));
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of source) {
    signal.throwIfAborted();
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
    if (!(await thread.write(chunk))) break;
  }
  const digest = parseDigest(`sha256:${hash.digest("hex")}`);
  const owned = undo.move();
  const finish = async (): Promise<Received> => {
    await using own = owned;
    const tree = await thread.finish();
    await blobs.adopt(blobFile, digest, holds);
    if (tree === undefined) return { digest, sizeBytes };
    await thread[Symbol.asyncDispose]();
    own.move();
    return { digest, sizeBytes, draft: new TreeDraft(folder, { ...tree, diffId: digest }) };
  };
  const done = finish().catch((error: unknown) => {
    throw explainDisk(error, "blob of the archive cannot be written");
  });
  done.catch(() => {});
  return { digest, done };
}
