export interface Volume {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly isAnonymous: boolean;
}

export interface Volumes extends AsyncDisposable {
  /** Throws `not_found` `get NAME: no such volume`. */
  get(name: string): Volume;
  list(): readonly Volume[];
  /** Returns the existing one of that name when driver and options agree, else `conflict`. No name = a random 64 hex one, anonymous. */
  create(
    spec: {
      name?: string;
      driver?: string;
      labels?: Readonly<Record<string, string>>;
      options?: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<Volume>;
  /** Throws `conflict` `remove NAME: volume is in use - [IDs]`. */
  remove(name: string, options: { isForced: boolean }): Promise<void>;
  /** Marks use by a container; mounts what the driver mounts. Pair: release. */
  hold(name: string, containerId: string, signal: AbortSignal): Promise<string>;
  release(name: string, containerId: string): Promise<void>;
  /** Containers that reference `name` (running or not). */
  usedBy(name: string): readonly string[];
  /** Registers or forgets that a container (running or not) references a volume. */
  reference(name: string, containerId: string): void;
  unreference(containerId: string): void;
  /** Fills an empty volume from `source` (a directory), keeping owners, modes, times, xattrs, links. No-op when not empty. */
  copyUp(name: string, source: string, signal: AbortSignal): Promise<void>;
  usageBytes(name: string, signal: AbortSignal): Promise<number>;
  /** Blocks that it takes of the data root's file system; what its driver mounts there is not in it. */
  diskBytes(name: string, signal: AbortSignal): Promise<number>;
  prune(
    matches: (volume: Volume) => boolean,
  ): Promise<{ removed: readonly string[]; reclaimedBytes: number }>;
}
