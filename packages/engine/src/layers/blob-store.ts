import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { errno, LongshoreError, MiB, randomId } from "#kernel";
import { type Digest, hexOf, parseDigest } from "#spec";
import type { Blobs } from "./contract.ts";
import { explainDisk } from "./disk-full.ts";
import { Holds } from "./holds.ts";
import { type OpenSink, PartialBlobs, SYNCED_AT_ONCE_BYTES } from "./partial-blobs.ts";

/** Of one chunk of lend(). */
const LENT_BYTES = 512 * 1024;

/** Blobs as files: `blobs/sha256/HEX`, written in `tmp/` and renamed when whole and verified. */
export class BlobStore implements Blobs {
  readonly #folder: string;
  readonly #drafts: string;
  readonly #partial: PartialBlobs;
  readonly #holds = new Holds();

  constructor(dataRoot: string) {
    this.#folder = path.join(dataRoot, "blobs", "sha256");
    this.#drafts = path.join(dataRoot, "tmp");
    this.#partial = new PartialBlobs(dataRoot);
  }

  async open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    await mkdir(this.#drafts, { recursive: true });
    await this.#partial.open();
  }

  #path(digest: Digest): string {
    return path.join(this.#folder, hexOf(digest));
  }

  async has(digest: Digest): Promise<boolean> {
    return (await this.sizeBytes(digest)) !== undefined;
  }

  async sizeBytes(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.#path(digest))).size;
    } catch (error) {
      if (errno(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  async *read(digest: Digest, signal: AbortSignal, fromByte = 0): AsyncIterable<Uint8Array> {
    try {
      const options = { highWaterMark: MiB, start: fromByte, signal };
      for await (const chunk of createReadStream(this.#path(digest), options)) yield chunk as Buffer;
    } catch (error) {
      signal.throwIfAborted();
      throw explainMissing(error, digest);
    }
  }

  async *lend(digest: Digest, signal: AbortSignal, fromByte = 0): AsyncIterable<Uint8Array> {
    signal.throwIfAborted();
    await using file = await open(this.#path(digest)).catch((error: unknown) => {
      throw explainMissing(error, digest);
    });
    // One is read into while the other is lent.
    const blocks = [Buffer.allocUnsafe(LENT_BYTES), Buffer.allocUnsafe(LENT_BYTES)] as const;
    let position = fromByte;
    let next = fill(file, blocks[0], position);
    for (let number = 1; ; number++) {
      const chunk = await next;
      signal.throwIfAborted();
      position += chunk.length;
      if (chunk.length < LENT_BYTES) {
        if (chunk.length > 0) yield chunk;
        return;
      }
      next = fill(file, number % 2 === 0 ? blocks[0] : blocks[1], position);
      // Asked for, or not, by who comes back.
      next.catch(() => {});
      yield chunk;
    }
  }

  async write(
    source: AsyncIterable<Uint8Array>,
    expected: { digest: Digest; sizeBytes?: number } | undefined,
    signal: AbortSignal,
    holds?: DisposableStack,
  ): Promise<{ digest: Digest; sizeBytes: number }> {
    const draft = path.join(this.#drafts, `blob-${randomId().slice(0, 16)}`);
    const hash = createHash("sha256");
    let sizeBytes = 0;
    try {
      await using file = await open(draft, "wx", 0o644);
      for await (const chunk of source) {
        signal.throwIfAborted();
        sizeBytes += chunk.byteLength;
        if (expected?.sizeBytes !== undefined && sizeBytes > expected.sizeBytes)
          throw new LongshoreError(
            "invalid",
            `blob ${expected.digest} is longer than the promised ${expected.sizeBytes} bytes`,
          );
        hash.update(chunk);
        await file.writeFile(chunk);
      }
      signal.throwIfAborted();
      if (expected?.sizeBytes !== undefined && sizeBytes !== expected.sizeBytes)
        throw new LongshoreError(
          "invalid",
          `blob ${expected.digest} ended after ${sizeBytes} of ${expected.sizeBytes} bytes`,
        );
      const digest = parseDigest(`sha256:${hash.digest("hex")}`);
      if (expected !== undefined && digest !== expected.digest)
        throw new LongshoreError("invalid", `blob has digest ${digest}, want ${expected.digest}`);
      // A large one is a layer's, and reaches the disk with it.
      if (sizeBytes <= SYNCED_AT_ONCE_BYTES) await file.datasync();
      holds?.use(this.hold(digest));
      await rename(draft, this.#path(digest));
      return { digest, sizeBytes };
    } catch (error) {
      await rm(draft, { force: true });
      signal.throwIfAborted();
      throw explainDisk(error, `blob ${expected?.digest ?? "of the archive"} cannot be written`);
    }
  }

  /** `openSink` takes the bytes in; a plain file if absent. */
  async fetch(
    expected: { digest: Digest; sizeBytes: number },
    from: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    openSink?: OpenSink,
  ): Promise<void> {
    const { digest } = expected;
    const place = { target: this.#path(digest), isThere: () => this.has(digest) };
    await this.#partial.fetch(expected, from, place, signal, openSink);
  }

  async partialBytes(): Promise<number> {
    return await this.#partial.bytes();
  }

  async dropPartial(digest?: Digest): Promise<number> {
    return await this.#partial.drop(digest);
  }

  /** Takes over a whole file of `tmp/` whose bytes have that digest. */
  async adopt(file: string, digest: Digest, holds: DisposableStack): Promise<void> {
    holds.use(this.hold(digest));
    await rename(file, this.#path(digest));
  }

  hold(digest: Digest): Disposable {
    return this.#holds.hold(digest);
  }

  async remove(digest: Digest): Promise<void> {
    if (this.#holds.has(digest)) return;
    await rm(this.#path(digest), { force: true });
  }

  async *list(): AsyncIterable<{ digest: Digest; sizeBytes: number }> {
    for (const name of await readdir(this.#folder)) {
      const digest = parseDigest(`sha256:${name}`);
      yield { digest, sizeBytes: (await this.sizeBytes(digest)) ?? 0 };
    }
  }
}

/** As much as fits from `position` on; less only at the end. */
async function fill(file: FileHandle, block: Buffer, position: number): Promise<Buffer> {
  for (let filled = 0; ;) {
    const { bytesRead } = await file.read(block, filled, block.length - filled, position + filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === block.length) return block.subarray(0, filled);
  }
}

function explainMissing(error: unknown, digest: Digest): unknown {
  if (errno(error) !== "ENOENT") return error;
  return new LongshoreError("not_found", `blob ${digest} is not here`, { cause: error });
}
