import type { Logger } from "#kernel";
import type { Store } from "#store";
import type { Layers } from "./contract.ts";
import { currentBoot } from "./late-sync.ts";
import { OverlayLayers } from "./overlay-layers.ts";

export type * from "./contract.ts";
export { compressionOf, plainBytes, type Compression } from "./plain-bytes.ts";
export { withoutRareCompression } from "./rare-compression.ts";
export { look } from "./merged.ts";

const SYNC_AFTER_MS = 500;

/** Opens the layer store below `dataRoot`; cleans up after a crash first. */
export async function openLayers(
  deps: {
    readonly dataRoot: string;
    readonly store: Store;
    readonly log: Logger;
    /** This run of the kernel; asked of it if absent. */
    readonly boot?: string;
    /** How long after the last new layer the disk is asked to have all of them; half a second if absent. */
    readonly syncAfterMs?: number;
  },
  signal: AbortSignal,
): Promise<Layers> {
  signal.throwIfAborted();
  const layers = new OverlayLayers(
    deps.dataRoot,
    deps.store,
    deps.log,
    deps.boot ?? currentBoot(),
    deps.syncAfterMs ?? SYNC_AFTER_MS,
  );
  await layers.open();
  return layers;
}
