import type { LayerDraft, Layers, Received } from "#layers";
import type { Digest } from "#spec";

/** Trees that are still on their way to the disk while the next member is read. */
const MAX_UNDER_WAY = 3;

/** Layers of an archive that were unpacked before its manifest was read. Disposing it waits for all and drops what nobody took. */
export class Drafts implements AsyncDisposable {
  readonly #underWay: Promise<Received>[] = [];
  readonly #ready = new Map<Digest, LayerDraft>();
  readonly #all: LayerDraft[] = [];

  /** Keeps and unpacks `source`; its digest. A failure may show at the next call or at settle(). */
  async receive(
    layers: Layers,
    source: AsyncIterable<Uint8Array>,
    holds: DisposableStack,
    signal: AbortSignal,
  ): Promise<Digest> {
    while (this.#underWay.length >= MAX_UNDER_WAY) await this.#oldest();
    const { digest, done } = await layers.receive(source, holds, signal);
    this.#underWay.push(done);
    return digest;
  }

  /** All that was received is on the disk. */
  async settle(): Promise<void> {
    while (this.#underWay.length > 0) await this.#oldest();
  }

  /** The tree of a blob, once. */
  take(digest: Digest): LayerDraft | undefined {
    const draft = this.#ready.get(digest);
    this.#ready.delete(digest);
    return draft;
  }

  async #oldest(): Promise<void> {
    const received = await this.#underWay[0];
    void this.#underWay.shift();
    if (received?.draft === undefined) return;
    this.#all.push(received.draft);
    this.#ready.set(received.digest, received.draft);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const outcome of await Promise.allSettled(this.#underWay.splice(0)))
      if (outcome.status === "fulfilled" && outcome.value.draft !== undefined)
        this.#all.push(outcome.value.draft);
    for (const draft of this.#all.splice(0)) await draft[Symbol.asyncDispose]();
  }
}
