import { LongshoreError } from "#kernel";
import { withoutRareCompression } from "#layers";
import { type Digest, digestOf, familiar, type ImageConfig, type Reference } from "#spec";
import type { ImagesContext } from "./context.ts";
import { chainOf } from "./image-book.ts";
import { mediaTypeOf } from "./load.ts";
import { headOf } from "./read-all.ts";

/** Stores a layer archive as blob and layer; the blob keeps the exact bytes for save and push. */
async function addLayer(
  context: ImagesContext,
  parent: Digest | undefined,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<{ chainId: Digest; diffId: Digest }> {
  const { blobs } = context.layers;
  using holds = new DisposableStack();
  const { digest, sizeBytes } = await blobs.write(
    withoutRareCompression(source, signal),
    undefined,
    signal,
    holds,
  );
  try {
    const mediaType = mediaTypeOf(await headOf(blobs, digest, signal));
    const { chainId, diffId } = await context.layers.apply(
      parent,
      blobs.read(digest, signal),
      { blob: { digest, sizeBytes, mediaType } },
      signal,
    );
    return { chainId, diffId };
  } finally {
    holds.dispose();
    await context.sweepBlobs(new Set([digest]));
  }
}

/** A config with one more layer on top of `parent`'s chain becomes an image. */
export async function makeImage(
  context: ImagesContext,
  parent: Digest | undefined,
  layer: AsyncIterable<Uint8Array> | undefined,
  config: ImageConfig,
  reference: Reference | undefined,
  signal: AbortSignal,
): Promise<Digest> {
  const base = parent === undefined ? undefined : context.book.get(parent);
  if (parent !== undefined && base === undefined)
    throw new LongshoreError("not_found", `No such image: ${parent}`);
  using holds = new DisposableStack();
  for (const chainId of base?.chain ?? []) holds.use(context.layers.hold(chainId));
  const added = layer === undefined ? undefined : await addLayer(context, base?.top, layer, signal);
  const diffIds = [...(base?.config.rootfs.diff_ids ?? []), ...(added === undefined ? [] : [added.diffId])];
  const whole: ImageConfig = { ...config, rootfs: { type: "layers", diff_ids: diffIds } };
  if (added !== undefined) holds.use(context.layers.hold(added.chainId));
  const bytes = Buffer.from(JSON.stringify(whole));
  const id = digestOf(bytes);
  try {
    await context.layers.blobs.write(once(bytes), { digest: id, sizeBytes: bytes.length }, signal, holds);
    // In one turn, so in one transaction: an engine that dies leaves no image without its name.
    const added = context.book.add({ id, config: whole, ...(parent !== undefined && { parent }) });
    const at = context.clock.now().toISOString();
    await Promise.all([added, reference === undefined ? undefined : context.book.name(reference, id, at)]);
    if (reference !== undefined) context.publish(id, "tag", familiar(reference));
    return id;
  } catch (error) {
    holds.dispose();
    await context.sweepLayers(chainOf(whole));
    await context.sweepBlobs(new Set([id]));
    throw error;
  }
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
