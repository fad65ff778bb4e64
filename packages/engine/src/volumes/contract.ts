export interface Volume {
  readonly name: string;
  readonly driver: string;
  readonly mountpoint: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly isAnonymous: boolean;
}

/** A removed volume that can come back: its name is free, its data lies in `DATA_ROOT/trash/volumes/KEY`. */
export interface TrashedVolume {
  readonly key: string;
  readonly volume: Volume;
  /** RFC 3339. */
  readonly removedAt: string;
  /** Blocks on the disk. */
  readonly diskBytes: number;
  /** Containers in the trash that have it mounted. */
  readonly neededBy: readonly string[];
  /** Removed for good, but for `neededBy`: it goes when the last of them has gone. */
  readonly isKept: boolean;
}

/** Where a container has a volume; told with the event of its mount. */
export interface VolumeUse {
  readonly containerId: string;
  readonly destination: string;
  readonly isWritable: boolean;
  readonly propagation: string;
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
  /** Throws `conflict` `remove NAME: volume is in use - [IDs]`. What a container in the trash needs is kept there. */
  remove(name: string, options: { isForced: boolean }): Promise<void>;
  /** As remove, into the trash; answers the key. `keptFor` is a container in the trash that it comes back with. */
  discard(name: string, options: { keptFor?: string }): Promise<string>;
  /** Oldest first. */
  trashed(): readonly TrashedVolume[];
  /**
   * Throws `conflict` when a volume has its name, or `name`, by now, and for another name while containers in the trash know it by its
   * own.
   */
  restore(key: string, options: { name?: string }): Promise<Volume>;
  /** Gives it the name under which `containerId` will know it. Throws `conflict` when others in the trash know it by its own. */
  renameInTrash(key: string, name: string, containerId: string): Promise<void>;
  /** For good; what a container in the trash needs stays until that has gone. Absent is success. */
  purge(key: string): Promise<void>;
  /** A container in the trash has `name` mounted: until forgo() the volume is not removed for good. */
  expect(name: string, containerId: string): void;
  forgo(containerId: string): Promise<void>;
  /** The volumes in the trash that come back with a container of the trash, by the name that it mounts. */
  keptFor(containerId: string): readonly TrashedVolume[];
  /** Marks use by a container; mounts what the driver mounts. Pair: release. */
  hold(name: string, by: VolumeUse, signal: AbortSignal): Promise<string>;
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
  /** With `isDiscarding` into the trash: `discarded` are the keys. */
  prune(
    matches: (volume: Volume) => boolean,
    options?: { readonly isDiscarding: boolean },
  ): Promise<{ removed: readonly string[]; reclaimedBytes: number; discarded: readonly string[] }>;
}
