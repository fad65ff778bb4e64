import path from "node:path";
import type { Clock, KeyedLocks, Logger, TaskOwner } from "#kernel";
import type { Events } from "#events";
import type { Cgroups } from "#host";
import type { Images } from "#images";
import type { Layers } from "#layers";
import type { Logs } from "#logs";
import type { Networks } from "#networks";
import type { Runtime, Task } from "#runtime";
import type { Store } from "#store";
import type { Volumes } from "#volumes";
import type { ContainerBook } from "./container-book.ts";
import type { Container } from "./contract.ts";
import type { HostFacts } from "./host-facts.ts";

/** The rooms that containers stands on. */
export interface ContainersDeps {
  readonly store: Store;
  readonly events: Events;
  readonly images: Pick<
    Images,
    "get" | "list" | "onUse" | "commit" | "trashed" | "restore" | "forgo" | "dropLayers"
  >;
  readonly layers: Pick<
    Layers,
    | "mount"
    | "prepare"
    | "removeSnapshot"
    | "snapshots"
    | "snapshotParent"
    | "snapshotDiskBytes"
    | "changes"
    | "exportDiff"
    | "usageBytes"
  >;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly runtime: Runtime;
  readonly logs: Logs;
  readonly dataRoot: string;
  readonly stateRoot: string;
  readonly log: Logger;
  readonly clock: Clock;
  readonly facts: HostFacts;
  readonly cgroups: Pick<Cgroups, "stats">;
}

/** What every part of this room shares. Lock order: one container's lock, then other rooms' own. */
export interface Context extends ContainersDeps {
  readonly book: ContainerBook;
  readonly locks: KeyedLocks;
  readonly tasks: TaskOwner;
  /** Told of every started task, so that its end is handled. */
  readonly onStarted: (id: string, task: Task) => void;
}

/** DATA_ROOT/containers/ID: log/, hosts, hostname, resolv.conf. */
export function directoryOf(context: Pick<ContainersDeps, "dataRoot">, id: string): string {
  return path.join(context.dataRoot, "containers", id);
}

export function logDirectoryOf(context: Pick<ContainersDeps, "dataRoot">, id: string): string {
  return path.join(directoryOf(context, id), "log");
}

/** Publishes a container event with the attributes that Docker gives: labels, image, name, and `extra`. */
export function publish(
  context: Pick<Context, "events">,
  container: Container,
  action: string,
  extra: Readonly<Record<string, string>> = {},
): void {
  context.events.publish({
    type: "container",
    action,
    actorId: container.id,
    attributes: {
      ...container.settings.Labels,
      image: container.settings.Image,
      name: container.name,
      ...extra,
    },
  });
}
