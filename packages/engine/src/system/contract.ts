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

export interface System {
  /** GET /info, Docker-shaped. */
  info(): Promise<Readonly<Record<string, unknown>>>;
  /** GET /version, Docker-shaped. */
  version(apiVersion: string, minimum: string): Readonly<Record<string, unknown>>;
  /** GET /system/df. */
  diskUsage(types: ReadonlySet<string>, signal: AbortSignal): Promise<DiskUsage>;
  readonly reclaim: Reclaim;
  readonly starter: { readonly reference: string; readonly file: string };
}

export interface DiskUsage {
  readonly layersBytes: number;
  /** Image id -> bytes shared with other images. */
  readonly sharedBytes: ReadonlyMap<string, number>;
  readonly containers: ReadonlyMap<string, { readonly writableBytes: number; readonly rootBytes: number }>;
  readonly volumes: ReadonlyMap<string, { readonly sizeBytes: number; readonly refCount: number }>;
}

/** What can be removed for its room on the disk. `id` of a volume is its name. */
export interface DiskRef {
  readonly kind: "container" | "image" | "volume";
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
    readonly disk: DiskSpace;
  }>;
  predict(wanted: readonly Pick<DiskRef, "kind" | "id">[], signal: AbortSignal): Promise<Prediction>;
  /** For good. What is refused is told, the rest goes. */
  remove(wanted: readonly Pick<DiskRef, "kind" | "id">[], signal: AbortSignal): Promise<Reclaimed>;
}
