import type { Clock, Logger } from "#kernel";
import type { Containers } from "#containers";
import type { Events } from "#events";
import type { Images } from "#images";
import type { Layers } from "#layers";
import type { Networks } from "#networks";
import type { System } from "#system";
import type { Volumes } from "#volumes";

/** The rooms behind the routes, by contract. */
export interface Rooms {
  readonly containers: Containers;
  readonly images: Images;
  readonly layers: Layers;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly events: Events;
  readonly system: System;
  readonly clock: Clock;
  readonly log: Logger;
}
