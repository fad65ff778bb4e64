import { type Clock, isKind, type Logger } from "#kernel";
import type { Events } from "#events";
import type { Layers } from "#layers";
import type { Registry } from "#registry";
import { type Digest, HOST_PLATFORM } from "#spec";
import type { Store } from "#store";
import type { ImagesContext } from "./context.ts";
import type { Images, ImageUse } from "./contract.ts";
import { chainOf, ImageBook, type ImageRecord } from "./image-book.ts";
import { openTransfer } from "./registry-transfer.ts";
import { ImagesRoom } from "./room.ts";

export type * from "./contract.ts";

export interface ImagesDeps {
  readonly store: Store;
  readonly events: Events;
  readonly layers: Layers;
  readonly registry: Registry;
  readonly log: Logger;
  readonly clock: Clock;
}

/** Opens the image room; drops layers and blobs that a crash left without an image. */
export async function openImages(deps: ImagesDeps, signal: AbortSignal): Promise<Images> {
  const { layers, events } = deps;
  const book = new ImageBook(deps.store, layers);
  let uses: () => Iterable<ImageUse> = () => [];
  const context: ImagesContext = {
    ...deps,
    book,
    architecture: HOST_PLATFORM.architecture,
    uses: () => [...uses()].filter((use) => use.isTrashed !== true),
    expected: () =>
      new Set([...uses()].filter((use) => use.isTrashed === true).map(({ imageId }) => imageId)),
    publish: (id, action, name, { actor = id, record = book.record(id as Digest) } = {}) =>
      void events.publish({
        type: "image",
        action,
        actorId: actor,
        attributes: { ...record?.config.config?.Labels, name },
      }),
    sweepBlobs: async (candidates) => {
      const needed = neededBlobs(layers, book);
      for (const digest of candidates) if (!needed.has(digest)) await layers.blobs.remove(digest);
    },
    sweepLayers: async (chain) => {
      const needed = new Set([...book.allRecords()].flatMap((record) => chainOf(record.config)));
      const removed: Digest[] = [];
      try {
        for (const chainId of chain.toReversed()) {
          if (needed.has(chainId)) break;
          if (layers.layer(chainId) === undefined) continue;
          await layers.removeLayer(chainId);
          removed.push(chainId);
        }
      } catch (error) {
        if (!isKind(error, "conflict")) throw error;
      }
      return removed;
    },
  };
  await sweep(context, signal);
  return new ImagesRoom(context, openTransfer(context, deps.registry), (find) => {
    uses = find;
  });
}

function neededBlobs(layers: Layers, book: ImageBook): ReadonlySet<Digest> {
  const needed = new Set<Digest>();
  for (const layer of layers.list()) if (layer.blob !== undefined) needed.add(layer.blob.digest);
  for (const { id, manifest } of book.allRecords()) {
    needed.add(id);
    if (manifest !== undefined) needed.add(manifest.digest);
  }
  return needed;
}

/** After a crash: images whose layers are gone lose their record, layers and blobs that no image needs go. */
async function sweep(context: ImagesContext, signal: AbortSignal): Promise<void> {
  const { layers, book } = context;
  const isWhole = ({ config }: ImageRecord): boolean =>
    chainOf(config).every((chainId) => layers.layer(chainId) !== undefined);
  for (const row of book.trashRows()) {
    if (row.records.every(isWhole)) continue;
    context.log.error("the layers of an image in the trash are gone: it is dropped", { image: row.id });
    await book.dropTrashRow(row.key);
  }
  for (const record of book.records()) {
    if (isWhole(record)) continue;
    context.log.error("an image's layers are gone: it is dropped, pull or load it again", {
      image: record.id,
      names: book.namesOf(record.id).join(" "),
    });
    await book.drop(record.id);
  }
  const needed = new Set([...book.allRecords()].flatMap((record) => chainOf(record.config)));
  for (let isDone = false; !isDone;) {
    isDone = true;
    for (const layer of Array.from(layers.list())) {
      signal.throwIfAborted();
      if (needed.has(layer.chainId) || [...layers.list()].some((other) => other.parent === layer.chainId))
        continue;
      await layers
        .removeLayer(layer.chainId)
        .catch((error: unknown) => context.log.warn("layer is kept", { layer: layer.chainId, error }));
      if (layers.layer(layer.chainId) === undefined) isDone = false;
    }
  }
  const blobs = neededBlobs(layers, book);
  for await (const { digest } of layers.blobs.list())
    if (!blobs.has(digest)) await layers.blobs.remove(digest);
}
