import type { Image } from "#images";
import type { Layers } from "#layers";
import type { ReclaimCost } from "../contract.ts";

/** A pulled or pushed image can be pulled again: as many bytes as the archives of the layers that no other image has. */
export function costOfImage(
  image: Pick<Image, "id" | "repoDigests" | "chain">,
  images: readonly Pick<Image, "id" | "chain">[],
  layers: Pick<Layers, "layer">,
): ReclaimCost {
  const [reference] = image.repoDigests;
  if (reference === undefined) return { kind: "lost" };
  const others = images.filter(({ id }) => id !== image.id);
  const missing = image.chain.filter((chainId) => !others.some(({ chain }) => chain.includes(chainId)));
  const downloadBytes = missing.reduce(
    (sum, chainId) => sum + (layers.layer(chainId)?.blob?.sizeBytes ?? 0),
    0,
  );
  return { kind: "pull", reference, downloadBytes };
}
