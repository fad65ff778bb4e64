import type {
  ContainerSummary,
  EngineState,
  ImageInspect,
  ImageSummary,
  Network,
  Settings,
  StatsSample,
  TrashReport,
  Volume,
} from "@longshore/protocol";
import { create, type StoreApi, type UseBoundStore } from "zustand";

export type Kind = "containers" | "images" | "volumes" | "networks" | "trash";

/** The newest sample of a container and the CPU shares before it. */
export interface Meter {
  readonly sample: StatsSample;
  readonly cpuHistory: readonly number[];
}

/** A container as it was listed. One that is listed again as it was stays the same object. */
export interface ListedContainer extends ContainerSummary {
  /** When it was listed, Unix milliseconds: its age is words, as of then. */
  readonly readAt: number;
}

/** What the window knows of the engine: snapshots of lists, kept fresh by events. */
export interface World {
  readonly engine: EngineState | undefined;
  readonly containers: readonly ListedContainer[];
  readonly images: readonly ImageSummary[];
  readonly volumes: readonly Volume[];
  readonly networks: readonly Network[];
  /** Read only for the page that shows it. */
  readonly trash: TrashReport | undefined;
  /** Lists that have arrived at least once: before that, empty means nothing. */
  readonly loaded: ReadonlySet<Kind>;
  readonly loadErrors: Readonly<Partial<Record<Kind, Error>>>;
  readonly meters: ReadonlyMap<string, Meter>;
  /** Writable bytes by container, refreshed seldom: the engine must count them. */
  readonly wetBytes: ReadonlyMap<string, number>;
  /** Image details by id, for counts of strata. */
  readonly imageDetails: ReadonlyMap<string, ImageInspect>;
  /** What is being done to an object now ("Stopping…"). */
  readonly verbs: ReadonlyMap<string, string>;
  readonly settings: Settings;
}

export const useWorld: UseBoundStore<StoreApi<World>> = create<World>(() => ({
  engine: undefined,
  containers: [],
  images: [],
  volumes: [],
  networks: [],
  trash: undefined,
  loaded: new Set<Kind>(),
  loadErrors: {},
  meters: new Map(),
  wetBytes: new Map(),
  imageDetails: new Map(),
  verbs: new Map(),
  settings: { theme: "system", density: "default", staysInTray: false },
}));

/** A copy of `map` with one entry set, or removed when `value` is absent. */
export function withEntry<K, V>(map: ReadonlyMap<K, V>, key: K, value: V | undefined): ReadonlyMap<K, V> {
  const next = new Map(map);
  if (value === undefined) next.delete(key);
  else next.set(key, value);
  return next;
}
