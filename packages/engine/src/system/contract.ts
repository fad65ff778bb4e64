/** What the engine is told about itself at assembly. */
export interface EngineIdentity {
  /** What `docker info` warns of. */
  readonly warnings: readonly string[];
  readonly authorizationPlugins: readonly string[];
  /** Stable over restarts. */
  readonly id: string;
  readonly version: string;
  readonly dataRoot: string;
  readonly runtimeName: string;
  readonly runtimeVersion: string;
  readonly insecureRegistries: readonly string[];
  readonly mirrors: readonly string[];
  /** As people may see them: without passwords. */
  readonly proxies: { readonly http: string; readonly https: string; readonly no: string };
}

export interface System extends AsyncDisposable {
  /** GET /info, Docker-shaped. */
  info(): Promise<Readonly<Record<string, unknown>>>;
  /** GET /version, Docker-shaped. */
  version(apiVersion: string, minimum: string): Readonly<Record<string, unknown>>;
  /** GET /system/df. */
  diskUsage(types: ReadonlySet<string>, signal: AbortSignal): Promise<DiskUsage>;
  readonly reclaim: Reclaim;
  readonly trash: Trash;
  readonly starter: { readonly reference: string; readonly file: string };
}

export interface DiskUsage {
  readonly layersBytes: number;
  /** Image id -> bytes shared with other images. */
  readonly sharedBytes: ReadonlyMap<string, number>;
  readonly containers: ReadonlyMap<string, { readonly writableBytes: number; readonly rootBytes: number }>;
  readonly volumes: ReadonlyMap<string, { readonly sizeBytes: number; readonly refCount: number }>;
}

/** What can be removed for its room on the disk. `id` of a volume is its name; "trash" is an entry of the trash. */
export interface DiskRef {
  readonly kind: "container" | "image" | "volume" | "trash";
  readonly id: string;
  readonly name: string;
}

/** The last use that is known, and how: events reach back no further than this engine's start. */
export interface LastUse {
  readonly at: string;
  readonly from: "running" | "ended" | "created" | "tagged" | "event";
}

/** What it takes to have it again. "lost": nobody can give it back; "elsewhere": its data is not on this disk. */
export type ReclaimCost =
  | { readonly kind: "pull"; readonly reference: string; readonly downloadBytes: number }
  | { readonly kind: "recreate" | "lost" | "elsewhere" };

/** Bytes are blocks on the disk. */
export interface ReclaimItem extends DiskRef {
  /** Come back when it goes alone. */
  readonly exclusiveBytes: number;
  /** Stay then, since `sharedWith` need them too. */
  readonly sharedBytes: number;
  readonly sharedWith: readonly DiskRef[];
  readonly lastUse?: LastUse;
  readonly cost: ReclaimCost;
}

export interface ReclaimLayer {
  readonly chainId: string;
  readonly diskBytes: number;
  /** Its compressed original, which pushes and saves send. */
  readonly archiveBytes: number;
  readonly neededBy: readonly DiskRef[];
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface Prediction {
  /** Of the set as a whole: what two of it share comes back only with both. */
  readonly predictedBytes: number;
  /** Members that would be refused; they are not in the prediction. */
  readonly blocked: readonly {
    readonly ref: DiskRef;
    readonly why: string;
    readonly by: readonly DiskRef[];
  }[];
}

export interface Reclaimed {
  readonly predictedBytes: number;
  /** What the file system has more of than before. Whoever else writes to the same disk is in it. */
  readonly measuredBytes: number;
  readonly removed: readonly DiskRef[];
  readonly failed: readonly { readonly ref: DiskRef; readonly message: string }[];
  readonly disk: DiskSpace;
}

/** Who keeps which bytes of the disk. Objects are given by id or by name; `not_found` in Docker's words. */
export interface Reclaim {
  report(signal: AbortSignal): Promise<{
    readonly items: readonly ReclaimItem[];
    readonly layers: readonly ReclaimLayer[];
    /** What came of downloads that broke off: it goes after a day, and with an image prune. */
    readonly partialBytes: number;
    readonly disk: DiskSpace;
  }>;
  predict(wanted: readonly Pick<DiskRef, "kind" | "id">[], signal: AbortSignal): Promise<Prediction>;
  /** For good. What is refused is told, the rest goes. */
  remove(wanted: readonly Pick<DiskRef, "kind" | "id">[], signal: AbortSignal): Promise<Reclaimed>;
}

export type TrashKind = "container" | "image" | "volume";

/** One removal that can be taken back. */
export interface TrashEntry {
  readonly id: string;
  readonly kind: TrashKind;
  readonly name: string;
  /** RFC 3339. */
  readonly removedAt: string;
  /** When its age ends it; the quota or a full disk may do so before, oldest first. */
  readonly expiresAt: string;
  /** Come back when it alone is emptied. */
  readonly exclusiveBytes: number;
  /** What was removed since and comes back with it. */
  readonly brings: readonly { readonly kind: "image" | "volume"; readonly name: string }[];
}

export interface TrashLimits {
  /** 0: the trash is off. */
  readonly quotaBytes: number;
  readonly maxAgeSeconds: number;
}

export interface TrashReport extends TrashLimits {
  /** Oldest first. */
  readonly entries: readonly TrashEntry[];
  /** Come back when the whole trash is emptied. */
  readonly usedBytes: number;
}

/** How much the trash may hold: bytes, or a share of the disk between 0 and 1; nothing turns it off. */
export interface TrashSettings {
  readonly quota:
    | { readonly kind: "bytes"; readonly bytes: number }
    | { readonly kind: "share"; readonly share: number };
  readonly maxAgeMs: number;
}

/**
 * Removals that can be taken back. Only who asks for it gets them: any other removal is for good. What is in the trash is seen by nobody, its
 * names, addresses and ports are free, and nothing that it needs goes. Emptied oldest first: by age, above the quota (the newest entry
 * always fits) and when the disk is nearly full.
 */
export interface Trash {
  /** Costs nothing, whatever is in it. */
  limits(): Promise<TrashLimits>;
  report(signal: AbortSignal): Promise<TrashReport>;
  /** Throws `unavailable` when the trash is off, and what the removal throws. Answers the entry; absent when nothing was removed. */
  discard(
    kind: TrashKind,
    name: string,
    options: { readonly isForced: boolean; readonly hasVolumes: boolean },
    signal: AbortSignal,
  ): Promise<string | undefined>;
  /** Throws `unavailable` when the trash is off; `remove` puts things there. */
  discarding<T>(remove: () => Promise<T>): Promise<T>;
  /** Throws `conflict` when a name was taken meanwhile: `name` is another for the object, `volumes` are others for its volumes. */
  restore(
    id: string,
    options: { readonly name?: string; readonly volumes?: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<{ readonly kind: TrashKind; readonly name: string; readonly warnings: readonly string[] }>;
  /** For good: these, or all. Throws `not_found`. */
  empty(ids: readonly string[] | undefined, signal: AbortSignal): Promise<Reclaimed>;
}
