import { LongshoreError } from "#kernel";
import { type Digest, digestOf } from "#spec";
import type { Blobs } from "./contract.ts";
import { Holds } from "./holds.ts";

/** Blobs in memory, for tests. */
export class FakeBlobs implements Blobs {
  readonly #blobs = new Map<Digest, Buffer>();
  readonly #partial = new Map<Digest, Buffer>();
  readonly #holds = new Holds();

  async has(digest: Digest): Promise<boolean> {
    return this.#blobs.has(digest);
  }

  async sizeBytes(digest: Digest): Promise<number | undefined> {
    return this.#blobs.get(digest)?.length;
  }

  async *read(digest: Digest, signal: AbortSignal, fromByte = 0): AsyncIterable<Uint8Array> {
    signal.throwIfAborted();
    const bytes = this.#blobs.get(digest);
    if (bytes === undefined) throw new LongshoreError("not_found", `blob ${digest} is not here`);
    yield bytes.subarray(fromByte);
  }

  async *lend(digest: Digest, signal: AbortSignal, fromByte = 0): AsyncIterable<Uint8Array> {
    for await (const chunk of this.read(digest, signal, fromByte)) {
      const lent = Uint8Array.from(chunk);
      yield lent;
      lent.fill(0);
    }
  }

  async write(
    source: AsyncIterable<Uint8Array>,
    expected: { digest: Digest; sizeBytes?: number } | undefined,
    signal: AbortSignal,
    holds?: DisposableStack,
  ): Promise<{ digest: Digest; sizeBytes: number }> {
    const bytes = Buffer.concat(await Array.fromAsync(source));
    signal.throwIfAborted();
    const digest = digestOf(bytes);
    const wanted = expected?.sizeBytes ?? bytes.length;
    if (bytes.length > wanted)
      throw new LongshoreError(
        "invalid",
        `blob ${expected?.digest} is longer than the promised ${wanted} bytes`,
      );
    if (bytes.length < wanted)
      throw new LongshoreError(
        "invalid",
        `blob ${expected?.digest} ended after ${bytes.length} of ${wanted} bytes`,
      );
    if (expected !== undefined && expected.digest !== digest)
      throw new LongshoreError("invalid", `blob has digest ${digest}, want ${expected.digest}`);
    holds?.use(this.hold(digest));
    this.#blobs.set(digest, bytes);
    return { digest, sizeBytes: bytes.length };
  }

  async fetch(
    expected: { digest: Digest; sizeBytes: number },
    from: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { digest } = expected;
    if (this.#blobs.has(digest)) return;
    const had = this.#partial.get(digest) ?? Buffer.alloc(0);
    let pieces = [had];
    let sizeBytes = had.length;
    this.#partial.delete(digest);
    try {
      for await (const piece of from(had.length)) {
        signal.throwIfAborted();
        pieces.push(Buffer.from(piece));
        sizeBytes += piece.byteLength;
        if (sizeBytes > expected.sizeBytes) break;
      }
      signal.throwIfAborted();
    } catch (error) {
      if (sizeBytes > 0) this.#partial.set(digest, Buffer.concat(pieces));
      throw error;
    }
    const isWrong = had.length > 0 && digestOf(Buffer.concat(pieces)) !== digest;
    if (isWrong) pieces = await Array.fromAsync(from(0), (piece) => Buffer.from(piece));
    await this.write(each(pieces), expected, signal);
  }

  async partialBytes(): Promise<number> {
    return [...this.#partial.values()].reduce((sum, bytes) => sum + bytes.length, 0);
  }

  async dropPartial(digest?: Digest): Promise<number> {
    let droppedBytes = 0;
    for (const [known, bytes] of this.#partial) {
      if (digest !== undefined && known !== digest) continue;
      droppedBytes += bytes.length;
      this.#partial.delete(known);
    }
    return droppedBytes;
  }

  hold(digest: Digest): Disposable {
    return this.#holds.hold(digest);
  }

  async remove(digest: Digest): Promise<void> {
    if (!this.#holds.has(digest)) this.#blobs.delete(digest);
  }

  async *list(): AsyncIterable<{ digest: Digest; sizeBytes: number }> {
    for (const [digest, bytes] of this.#blobs) yield { digest, sizeBytes: bytes.length };
  }
}

async function* each(pieces: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* pieces;
}
