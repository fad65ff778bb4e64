/** What the engine is told about itself at assembly. */
export interface EngineIdentity {
  /** What `docker info` warns of. */
  readonly warnings: readonly string[];
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
  readonly starter: { readonly reference: string; readonly file: string };
}

export interface DiskUsage {
  readonly layersBytes: number;
  /** Image id -> bytes shared with other images. */
  readonly sharedBytes: ReadonlyMap<string, number>;
  readonly containers: ReadonlyMap<string, { readonly writableBytes: number; readonly rootBytes: number }>;
  readonly volumes: ReadonlyMap<string, { readonly sizeBytes: number; readonly refCount: number }>;
}
