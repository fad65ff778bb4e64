import type { Image } from "#images";
import type { DiskUsage } from "./contract.ts";
import type { SystemDeps } from "./index.ts";

/** Exact bytes: each layer counted once, shared ones attributed. Only the asked types are measured. */
export async function measure(
  deps: SystemDeps,
  types: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<DiskUsage> {
  const wants = (type: string): boolean => types.size === 0 || types.has(type);
  const images = deps.images.list();
  const users = new Map<string, number>();
  for (const image of images)
    for (const chainId of image.chain) users.set(chainId, (users.get(chainId) ?? 0) + 1);
  // What came of downloads that broke off is room that an image prune gives back, as a layer's that nobody uses.
  let layersBytes = wants("image") ? await deps.layers.blobs.partialBytes() : 0;
  for (const layer of deps.layers.list()) layersBytes += layer.sizeBytes;
  const sharedOf = (image: Image): number =>
    image.chain.reduce(
      (sum, chainId) =>
        sum + ((users.get(chainId) ?? 0) > 1 ? (deps.layers.layer(chainId)?.sizeBytes ?? 0) : 0),
      0,
    );
  const containers = new Map<string, { writableBytes: number; rootBytes: number }>();
  if (wants("container"))
    for (const { id } of deps.containers.list()) containers.set(id, await deps.containers.sizes(id, signal));
  const volumes = new Map<string, { sizeBytes: number; refCount: number }>();
  if (wants("volume"))
    for (const { name } of deps.volumes.list())
      volumes.set(name, {
        sizeBytes: await deps.volumes.usageBytes(name, signal),
        refCount: deps.volumes.usedBy(name).length,
      });
  return {
    layersBytes,
    sharedBytes: new Map(images.map((image) => [image.id, sharedOf(image)])),
    containers,
    volumes,
  };
}
