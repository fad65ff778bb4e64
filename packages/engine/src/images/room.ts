import {
  type Digest,
  familiar,
  HOST_PLATFORM,
  type ImageConfig,
  normalizePlatform,
  type Reference,
} from "#spec";
import { publishPrune } from "#events";
import type { ImagesContext } from "./context.ts";
import type {
  HistoryLine,
  Image,
  Images,
  ImageUse,
  OnProgress,
  RegistryAuth,
  RemovedLine,
  TrashedImage,
} from "./contract.ts";
import { describeTrash, purgeImage, restoreImage } from "./image-trash.ts";
import { loadArchive } from "./load.ts";
import { makeImage } from "./make-image.ts";
import { pruneImage, removeImage } from "./remove.ts";
import { saveArchive } from "./save.ts";
import type { Transfer } from "./transfer.ts";

/** The images room over its shared context; registry traffic is `transfer`'s. */
export class ImagesRoom implements Images {
  readonly #context: ImagesContext;
  readonly #transfer: Transfer;
  readonly #setUses: (find: () => Iterable<ImageUse>) => void;

  constructor(context: ImagesContext, transfer: Transfer, setUses: (find: () => Iterable<ImageUse>) => void) {
    this.#context = context;
    this.#transfer = transfer;
    this.#setUses = setUses;
  }

  get(name: string): Image {
    return this.#context.book.get(name);
  }

  list(): readonly Image[] {
    return this.#context.book.list();
  }

  onUse(find: () => Iterable<ImageUse>): void {
    this.#setUses(find);
  }

  pull(
    reference: Reference,
    options: Parameters<Images["pull"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#transfer.pull(reference, options, onProgress, signal);
  }

  push(
    name: string,
    options: Parameters<Images["push"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void> {
    return this.#transfer.push(name, options, onProgress, signal);
  }

  load(
    source: AsyncIterable<Uint8Array>,
    options: Parameters<Images["load"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<readonly Digest[]> {
    return loadArchive(this.#context, source, onProgress, options, signal);
  }

  save(names: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array> {
    return saveArchive(this.#context, names, signal);
  }

  async importRootfs(
    source: AsyncIterable<Uint8Array>,
    options: Parameters<Images["importRootfs"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Digest> {
    const created = this.#context.clock.now().toISOString();
    const comment = options.message ?? "Imported from -";
    const config: ImageConfig = {
      ...normalizePlatform(options.platform ?? HOST_PLATFORM),
      created,
      comment,
      config: options.config ?? {},
      rootfs: { type: "layers", diff_ids: [] },
      history: [{ created, comment }],
    };
    const id = await makeImage(this.#context, undefined, source, config, options.reference, signal);
    void onProgress;
    this.#context.publish(id, "import", id);
    return id;
  }

  async commit(
    parent: Digest | undefined,
    layer: AsyncIterable<Uint8Array> | undefined,
    config: ImageConfig,
    options: { reference?: Reference },
    signal: AbortSignal,
  ): Promise<Digest> {
    return await makeImage(this.#context, parent, layer, config, options.reference, signal);
  }

  async tag(name: string, reference: Reference): Promise<void> {
    const image = this.get(name);
    await this.#context.book.name(reference, image.id, this.#context.clock.now().toISOString());
    this.#context.publish(image.id, "tag", familiar(reference));
  }

  async remove(
    name: string,
    options: { isForced: boolean; isPruningParents: boolean },
  ): Promise<readonly RemovedLine[]> {
    return (await removeImage(this.#context, name, { ...options, isDiscarding: false })).lines;
  }

  discard(
    name: string,
    options: { isForced: boolean; isPruningParents: boolean },
  ): ReturnType<Images["discard"]> {
    return removeImage(this.#context, name, { ...options, isDiscarding: true });
  }

  trashed(): readonly TrashedImage[] {
    return this.#context.book.trashRows().map(describeTrash);
  }

  restore(key: string, options: Parameters<Images["restore"]>[1]): ReturnType<Images["restore"]> {
    return restoreImage(this.#context, key, options);
  }

  purge(key: string): Promise<void> {
    return purgeImage(this.#context, key);
  }

  async dropLayers(id: Digest, top: Digest): Promise<void> {
    const { book, layers } = this.#context;
    if (book.record(id) !== undefined) return;
    const chain: Digest[] = [];
    for (let next: Digest | undefined = top; next !== undefined; next = layers.layer(next)?.parent)
      chain.unshift(next);
    await this.#context.sweepLayers(chain);
  }

  async forgo(): Promise<void> {
    for (const { key, isKept } of this.#context.book.trashRows())
      if (isKept) await purgeImage(this.#context, key);
  }

  async prune(options: Parameters<Images["prune"]>[0]): ReturnType<Images["prune"]> {
    const removed: RemovedLine[] = [];
    const discarded: string[] = [];
    const before = this.#totalBytes();
    // Children first: a parent goes only when no child of it stays.
    for (const image of childrenFirst(this.list())) {
      const isKept =
        (options.isDanglingOnly && image.repoTags.length > 0) ||
        this.#context.uses().some((use) => use.imageId === image.id) ||
        options.matches?.(image) === false;
      if (isKept || this.#context.book.record(image.id) === undefined) continue;
      const { lines, key } = await pruneImage(this.#context, image.id, {
        isForced: true,
        isPruningParents: true,
        isDiscarding: options.isDiscarding ?? false,
      });
      removed.push(...lines);
      if (key !== undefined) discarded.push(key);
    }
    const partialBytes = await this.#context.layers.blobs.dropPartial();
    const reclaimedBytes = before - this.#totalBytes() + partialBytes;
    publishPrune(this.#context.events, "image", reclaimedBytes);
    return { removed, reclaimedBytes, discarded };
  }

  #totalBytes(): number {
    let total = 0;
    for (const layer of this.#context.layers.list()) total += layer.sizeBytes;
    return total;
  }

  history(name: string): readonly HistoryLine[] {
    const image = this.get(name);
    const chain = [...image.chain];
    const entries = image.config.history ?? image.chain.map(() => ({ created: image.createdAt }));
    const lines = entries.map((entry): HistoryLine => {
      const chainId = "empty_layer" in entry && entry.empty_layer === true ? undefined : chain.shift();
      return {
        id: "<missing>",
        createdAt: entry.created ?? "0001-01-01T00:00:00Z",
        createdBy: ("created_by" in entry ? entry.created_by : undefined) ?? "",
        tags: [],
        sizeBytes: chainId === undefined ? 0 : (this.#context.layers.layer(chainId)?.sizeBytes ?? 0),
        comment: ("comment" in entry ? entry.comment : undefined) ?? "",
      };
    });
    const top = lines.pop();
    return top === undefined ? [] : [{ ...top, id: image.id, tags: image.repoTags }, ...lines.toReversed()];
  }

  login(auth: RegistryAuth, signal: AbortSignal): Promise<{ identityToken: string; status: string }> {
    return this.#transfer.login(auth, signal);
  }

  search(
    term: string,
    limit: number | undefined,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): ReturnType<Images["search"]> {
    return this.#transfer.search(term, limit, auth, signal);
  }

  distribution(
    reference: Reference,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): ReturnType<Images["distribution"]> {
    return this.#transfer.distribution(reference, auth, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

/** An image after all that were made from it. */
function childrenFirst(images: readonly Image[]): readonly Image[] {
  const parents = new Map(images.map(({ id, parent }) => [id, parent]));
  const depth = (id: Digest): number => {
    let steps = 0;
    for (let at = parents.get(id); at !== undefined; at = parents.get(at)) steps++;
    return steps;
  };
  return images.toSorted((a, b) => depth(b.id) - depth(a.id));
}
