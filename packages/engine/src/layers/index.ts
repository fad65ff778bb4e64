import type { Logger } from "#kernel";
import type { Store } from "#store";
import type { Layers } from "./contract.ts";
import { currentBoot } from "./late-sync.ts";
import { OverlayLayers } from "./overlay-layers.ts";

export type * from "./contract.ts";
export { compressionOf, plainBytes, type Compression } from "./plain-bytes.ts";
export { look } from "./merged.ts";

/** Opens the layer store below `dataRoot`; cleans up after a crash first. */
export async function openLayers(
  deps: {
    readonly dataRoot: string;
    readonly store: Store;
    readonly log: Logger;
    /** This run of the kernel; asked of it if absent. */
    readonly boot?: string;
  },
  signal: AbortSignal,
): Promise<Layers> {
  signal.throwIfAborted();
  const layers = new OverlayLayers(deps.dataRoot, deps.store, deps.log, deps.boot ?? currentBoot());
  await layers.open();
  return layers;
}
