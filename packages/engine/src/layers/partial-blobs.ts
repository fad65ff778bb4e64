import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { errno, isKind, KeyedLocks, LongshoreError, MiB, unlessAborted } from "#kernel";
import { type Digest, hexOf, parseDigest } from "#spec";
import { explainDisk, isDiskFull } from "./disk-full.ts";

const KEPT_MS = 24 * 3600 * 1000;
/** Configs and manifests, without which an image is nothing. */
export const SYNCED_AT_ONCE_BYTES: number = 4 * MiB;

interface Expected {
  readonly digest: Digest;
  readonly sizeBytes: number;
}
type From = (fromByte: number) => AsyncIterable<Uint8Array>;

/** Takes all bytes of a blob in. Disposing it leaves those that came in the file. */
export interface BlobSink extends AsyncDisposable {
  /** False when it failed: end() tells why. */
  write(chunk: Uint8Array): Promise<boolean>;
  /** The digest of all. */
  end(): Promise<Digest>;
}

/** Appends to `file`; of the bytes that are written the first `hadBytes` are in it already. */
export type OpenSink = (file: string, hadBytes: number) => Promise<BlobSink>;

/** `partial/HEX` is what came of a blob before its download broke off; it is gone when all came, or after a day. */
export class PartialBlobs {
  readonly #folder: string;
  readonly #locks = new KeyedLocks();
  readonly #active = new Set<string>();

  constructor(dataRoot: string) {
    this.#folder = path.join(dataRoot, "partial");
  }

  /** Drops what is older than a day at the time `now`. */
  async open(now: number = Date.now()): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    for (const name of await readdir(this.#folder)) {
      const file = path.join(this.#folder, name);
      if (now - (await stat(file)).mtimeMs > KEPT_MS) await rm(file);
    }
  }

  /** Makes `target`, unless it is there, of what is here and what `from` gives; see Blobs.fetch. */
  async fetch(
    expected: Expected,
    from: From,
    { target, isThere }: { readonly target: string; isThere: () => Promise<boolean> },
    signal: AbortSignal,
    openSink: OpenSink = openFile,
  ): Promise<void> {
    const name = hexOf(expected.digest);
    await using _ = await this.#locks.hold(name, signal);
    if (await isThere()) return;
    const draft = path.join(this.#folder, name);
    this.#active.add(name);
    try {
      for (let isFirst = true; ; isFirst = false) {
        const { digest, hadBytes } = await complete(draft, expected, from, openSink, signal);
        if (digest === expected.digest) break;
        // What lay here may have been wrong: all is asked for once more.
        await rm(draft, { force: true });
        if (!isFirst || hadBytes === 0)
          throw new LongshoreError("invalid", `blob has digest ${digest}, want ${expected.digest}`);
      }
      await rename(draft, target);
    } catch (error) {
      if (isDiskFull(error) || isKind(error, "invalid") || (await bytesOf(draft)) === 0)
        await rm(draft, { force: true });
      signal.throwIfAborted();
      throw explainDisk(error, `blob ${expected.digest} cannot be written`);
    } finally {
      this.#active.delete(name);
    }
  }

  async bytes(): Promise<number> {
    const names = await readdir(this.#folder);
    const sizes = await Promise.all(names.map((name) => bytesOf(path.join(this.#folder, name))));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Drops one or all, but none that is being fetched; how many bytes went. */
  async drop(digest: Digest | undefined): Promise<number> {
    let droppedBytes = 0;
    for (const name of digest === undefined ? await readdir(this.#folder) : [hexOf(digest)]) {
      if (this.#active.has(name)) continue;
      const file = path.join(this.#folder, name);
      droppedBytes += await bytesOf(file);
      await rm(file, { force: true });
    }
    return droppedBytes;
  }
}

/** Appends what is missing; the digest of the whole and how many bytes there were before. */
async function complete(
  draft: string,
  { digest, sizeBytes }: Expected,
  from: From,
  openSink: OpenSink,
  signal: AbortSignal,
): Promise<{ readonly digest: Digest; readonly hadBytes: number }> {
  if ((await bytesOf(draft)) > sizeBytes) await rm(draft);
  const hadBytes = await bytesOf(draft);
  await using sink = await openSink(draft, hadBytes);
  let done = 0;
  /** False when the sink failed. */
  const take = async (source: AsyncIterable<Uint8Array>): Promise<boolean> => {
    for await (const chunk of source) {
      signal.throwIfAborted();
      done += chunk.byteLength;
      if (done > sizeBytes)
        throw new LongshoreError("invalid", `blob ${digest} is longer than the promised ${sizeBytes} bytes`);
      if (!(await sink.write(chunk))) return false;
    }
    signal.throwIfAborted();
    return true;
  };
  let isTaken = hadBytes === 0 || (await take(createReadStream(draft, { highWaterMark: MiB, signal })));
  if (isTaken && (done < sizeBytes || sizeBytes === 0)) isTaken = await take(from(done));
  if (isTaken && done < sizeBytes)
    throw new LongshoreError("invalid", `blob ${digest} ended after ${done} of ${sizeBytes} bytes`);
  return { digest: await unlessAborted(sink.end(), signal), hadBytes };
}

async function openFile(place: string, hadBytes: number): Promise<BlobSink> {
  const file = await open(place, "a", 0o644);
  const hash = createHash("sha256");
  let done = 0;
  return {
    async write(chunk) {
      hash.update(chunk);
      done += chunk.byteLength;
      if (done > hadBytes)
        await file.appendFile(chunk.subarray(Math.max(0, chunk.byteLength - (done - hadBytes))));
      return true;
    },
    async end() {
      if (done <= SYNCED_AT_ONCE_BYTES) await file.datasync();
      return parseDigest(`sha256:${hash.digest("hex")}`);
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

/** 0 for a file that is not there. */
async function bytesOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (errno(error) === "ENOENT") return 0;
    throw error;
  }
}
