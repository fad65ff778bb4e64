import type { Clock, Logger } from "#kernel";
import type { Events } from "#events";
import type { Layers } from "#layers";
import type { Digest } from "#spec";
import type { ImageUse } from "./contract.ts";
import type { ImageBook, ImageRecord } from "./image-book.ts";

/** What the parts of this room share. */
export interface ImagesContext {
  readonly book: ImageBook;
  readonly layers: Layers;
  readonly events: Events;
  readonly log: Logger;
  readonly clock: Clock;
  /** Docker's name of this machine's architecture. */
  readonly architecture: string;
  /** Of containers that are there. */
  uses(): readonly ImageUse[];
  /** Images that containers in the trash were made from. */
  expected(): ReadonlySet<Digest>;
  /** `record` gives the labels, for an image that is gone by now; `actor` is who it happened to, when that is a name. */
  publish(
    id: string,
    action: string,
    name: string,
    more?: { readonly actor?: string; readonly record?: ImageRecord | undefined },
  ): void;
  /** Removes those of `candidates` that no layer and no image needs. */
  sweepBlobs(candidates: ReadonlySet<Digest>): Promise<void>;
  /** Removes the layers of `chain` (base first) that no image needs and nothing stands on; returns them, topmost first. */
  sweepLayers(chain: readonly Digest[]): Promise<readonly Digest[]>;
}
