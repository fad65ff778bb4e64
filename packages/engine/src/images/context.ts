import type { Clock, Logger } from "#kernel";
import type { Events } from "#events";
import type { Layers } from "#layers";
import type { Digest } from "#spec";
import type { ImageUse } from "./contract.ts";
import type { ImageBook } from "./image-book.ts";

/** What the parts of this room share. */
export interface ImagesContext {
  readonly book: ImageBook;
  readonly layers: Layers;
  readonly events: Events;
  readonly log: Logger;
  readonly clock: Clock;
  /** Docker's name of this machine's architecture. */
  readonly architecture: string;
  uses(): Iterable<ImageUse>;
  publish(id: string, action: string, name: string): void;
  /** Removes those of `candidates` that no layer and no image needs. */
  sweepBlobs(candidates: ReadonlySet<Digest>): Promise<void>;
  /** Removes the layers of `chain` (base first) that no image needs and nothing stands on; returns them, topmost first. */
  sweepLayers(chain: readonly Digest[]): Promise<readonly Digest[]>;
}
