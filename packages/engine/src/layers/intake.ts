import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { removeTree } from "#host";
import { LongshoreError, randomId } from "#kernel";
import { type Digest, parseDigest } from "#spec";
import type { BlobStore } from "./blob-store.ts";
import type { LayerDraft, Received } from "./contract.ts";
import { explainDisk } from "./disk-full.ts";
import type { BlobSink } from "./partial-blobs.ts";
import { WriterThread } from "./unpack.ts";
import type { Unpacked } from "./writer-protocol.ts";

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

/** A new name in `tmp/`. */
export const draftFolder = (drafts: string): string => path.join(drafts, `layer-${randomId().slice(0, 16)}`);

/** As blobs.fetch(), with the tree that was unpacked while the bytes came. */
export async function fetchLayer(
  drafts: string,
  blobs: BlobStore,
  expected: { readonly digest: Digest; readonly sizeBytes: number },
  from: (fromByte: number) => AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<LayerDraft | undefined> {
  let folder: string | undefined;
  let made: TreeDraft | undefined;
  const drop = async (): Promise<void> => {
    made = undefined;
    if (folder !== undefined) await removeTree(folder);
  };
  const openSink = async (file: string, hadBytes: number): Promise<BlobSink> => {
    // Bytes that were here were wrong: all comes once more.
    await drop();
    const place = draftFolder(drafts);
    folder = place;
    const thread = await WriterThread.open(place, { blob: { file, hadBytes } });
    return {
      write: (chunk) => thread.write(chunk),
      async end() {
        const { tree, digest, diffId } = await thread.finish();
        if (digest === undefined) throw new LongshoreError("internal", "layer writer thread told no digest");
        if (tree !== undefined && diffId !== undefined) made = new TreeDraft(place, { ...tree, diffId });
        return digest;
      },
      [Symbol.asyncDispose]: () => thread[Symbol.asyncDispose](),
    };
  };
  try {
    await blobs.fetch(expected, from, signal, openSink);
  } catch (error) {
    await drop();
    throw error;
  }
  if (made === undefined) await drop();
  return made;
}

/** Keeps a plain tar as a blob and unpacks it at the same time: read once, hashed once, for the digests of both are the same. */
export async function receive(
  drafts: string,
  blobs: BlobStore,
  source: AsyncIterable<Uint8Array>,
  holds: DisposableStack,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly done: Promise<Received> }> {
  const folder = draftFolder(drafts);
  const blobFile = `${folder}.blob`;
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeTree(folder));
  undo.defer(() => rm(blobFile, { force: true }));
  const thread = undo.use(
    await WriterThread.open(folder, { blob: { file: blobFile, hadBytes: 0 }, isUnhashed: true }),
  );
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
    const { tree } = await thread.finish();
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
