import type { Digest, Platform } from "#spec";

/** How to mount a root file system: an overlay; runtime and archive code share this value. */
export interface OverlayMount {
  readonly kind: "overlay";
  /** Absolute directories, topmost first. */
  readonly lowers: readonly string[];
  /** Absent for a read-only view. */
  readonly upper?: string;
  readonly work?: string;
}

/** One unpacked, immutable layer. */
export interface LayerRecord {
  readonly chainId: Digest;
  readonly diffId: Digest;
  readonly parent?: Digest;
  /** Bytes of the files this layer adds (uncompressed content). */
  readonly sizeBytes: number;
  readonly createdAt: string;
  /** An opaque mark at its root: nothing below shows. */
  readonly hidesParent?: true;
  /** The boot in which it was written, until it surely is on the disk: after another one it is unpacked anew, or dropped. */
  readonly writtenInBoot?: string;
  /** Compressed original, when it came from a registry or was compressed for a push. */
  readonly blob?: { readonly digest: Digest; readonly sizeBytes: number; readonly mediaType: string };
}

/** A path that differs from the parent. Source: Docker Engine API, ContainerChanges. */
export interface Change {
  readonly kind: "modified" | "added" | "deleted";
  /** Absolute inside the container. */
  readonly path: string;
}

/** A file as a layer holds it, for the tree view. `change` is relative to the layers below. */
export interface FileEntry {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "device" | "fifo" | "socket";
  readonly change: "added" | "modified" | "deleted";
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: string;
  readonly linkTarget?: string;
}

export interface ApplyProgress {
  readonly phase: "extracting";
  readonly doneBytes: number;
  readonly totalBytes?: number;
}

/** Content-addressed bytes as they travel: manifests, configs, compressed layers. */
export interface Blobs {
  has(digest: Digest): Promise<boolean>;
  sizeBytes(digest: Digest): Promise<number | undefined>;
  /** Streams from `fromByte` on (0 if absent); throws `not_found`. */
  read(digest: Digest, signal: AbortSignal, fromByte?: number): AsyncIterable<Uint8Array>;
  /** As read(), in memory that is used again: a chunk holds until the next one is asked for. For many bytes that only pass through. */
  lend(digest: Digest, signal: AbortSignal, fromByte?: number): AsyncIterable<Uint8Array>;
  /**
   * Writes, verifying; throws `invalid` naming both digests on a mismatch; nothing stays. Without `expected` any content is taken.
   * With `holds` the blob is held from before it exists.
   */
  write(
    source: AsyncIterable<Uint8Array>,
    expected: { digest: Digest; sizeBytes?: number } | undefined,
    signal: AbortSignal,
    holds?: DisposableStack,
  ): Promise<{ digest: Digest; sizeBytes: number }>;
  /**
   * Brings a blob of known digest and size, unless it is here; `from` gives its bytes from an offset on. What came before a failure or an abort
   * stays for the next call, also of the engine's next run, for a day; nothing stays of wrong bytes or on a full disk. Throws `invalid` as write().
   */
  fetch(
    expected: { digest: Digest; sizeBytes: number },
    from: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Drops what broken-off fetches of `digest`, or of all, left; how many bytes. One that is under way is left alone. */
  dropPartial(digest?: Digest): Promise<number>;
  /** How many bytes broken-off fetches left, with what came of those under way. */
  partialBytes(): Promise<number>;
  /** While held, remove() leaves it: whoever holds it drops it afterwards if nobody needs it. It may be absent yet. */
  hold(digest: Digest): Disposable;
  remove(digest: Digest): Promise<void>;
  list(): AsyncIterable<{ digest: Digest; sizeBytes: number }>;
}

/** A layer's tree, unpacked before anybody knew what it stands on. Whoever got it disposes it, also after apply() took it over. */
export type LayerDraft = AsyncDisposable;

/** A blob that came whole; with a draft when its bytes are a layer. */
export interface Received {
  readonly digest: Digest;
  readonly sizeBytes: number;
  readonly draft?: LayerDraft;
}

/** Layers and writable snapshots. Overlay, copy and fake drivers pass one suite. */
export interface Layers extends AsyncDisposable {
  readonly blobs: Blobs;
  /** Driver name as `docker info` shows it (overlay2). */
  readonly driver: string;
  layer(chainId: Digest): LayerRecord | undefined;
  list(): IterableIterator<LayerRecord>;
  /**
   * Brings a layer's blob as blobs.fetch() does, and unpacks it while it comes. The draft is for apply(); undefined when the blob was here
   * already, and for bytes that are no layer or found no room: apply() of the blob tells why.
   */
  fetch(
    expected: { digest: Digest; sizeBytes: number },
    from: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<LayerDraft | undefined>;
  /**
   * Keeps a plain tar as a blob and, if it can be one, unpacks it as a layer on the way. Resolves when the source was read; `done` when
   * all is on the disk. Nothing stays when `done` rejects.
   */
  receive(
    source: AsyncIterable<Uint8Array>,
    holds: DisposableStack,
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly done: Promise<Received> }>;
  /**
   * Unpacks a layer tar (plain, gzip or zstd, by content) over `parent` and keeps it; one that exists already is returned.
   * Throws `invalid` for hostile or truncated archives and when `expectedDiffId` does not match; nothing stays.
   * Escapes (`..`, absolute, through symlinks) land inside the layer or fail; device nodes are made only as overlay whiteouts or real nodes inside the layer.
   */
  apply(
    parent: Digest | undefined,
    source: AsyncIterable<Uint8Array>,
    options: {
      expectedDiffId?: Digest;
      blob?: LayerRecord["blob"];
      /** From fetch() or receive(), of the same bytes: `source` is not read. */
      draft?: LayerDraft;
      onProgress?: (progress: ApplyProgress) => void;
      platform?: Platform;
    },
    signal: AbortSignal,
  ): Promise<LayerRecord>;
  /** While held, removeLayer() answers `conflict`. It may be absent yet: an image in the making holds its whole chain. */
  hold(chainId: Digest): Disposable;
  /** Removes a layer that no other layer and no snapshot stands on: `conflict` otherwise. */
  removeLayer(chainId: Digest): Promise<void>;
  /** The plain tar of a layer whose bytes hash to its diff id again. */
  exportLayer(chainId: Digest, signal: AbortSignal): AsyncIterable<Uint8Array>;

  /**
   * Makes a writable snapshot `key` over `parent` (none = empty root). Throws `conflict` if it exists. No mount happens.
   * Between the two lie the mount points that every container needs, so that they are no changes.
   */
  prepare(key: string, parent: Digest | undefined, signal: AbortSignal): Promise<void>;
  /** How to mount snapshot `key` now; throws `not_found`. */
  mount(key: string): OverlayMount;
  /** How to view a sealed chain read-only. */
  view(chainId: Digest): OverlayMount;
  /** Removes a snapshot and its files; absent is success. The caller has unmounted it. */
  removeSnapshot(key: string): Promise<void>;
  /** Keys of all snapshots. */
  snapshots(): IterableIterator<string>;
  /** What the snapshot's writable layer changes in what lies below, sorted by path; also while a container writes there. */
  changes(key: string, signal: AbortSignal): Promise<readonly Change[]>;
  /** The writable layer as an OCI layer tar (AUFS-style `.wh.` names). */
  exportDiff(key: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Bytes in the writable layer. */
  usageBytes(key: string, signal: AbortSignal): Promise<number>;
  /** The layer that snapshot `key` stands on; throws `not_found`. */
  snapshotParent(key: string): Digest | undefined;
  /** Blocks that snapshot `key` takes on the disk, folders included. */
  snapshotDiskBytes(key: string, signal: AbortSignal): Promise<number>;
  /** Blocks that a layer's tree and index take on the disk, folders included; its archive is a blob of its own. Measured once. */
  layerDiskBytes(chainId: Digest, signal: AbortSignal): Promise<number>;
  /** Files that this layer brought, sorted by path (from the index written at apply). */
  files(chainId: Digest, signal: AbortSignal): Promise<readonly FileEntry[]>;
  /** Bytes of one regular file of one layer; throws `not_found`, `invalid` for what is no regular file. */
  readFile(chainId: Digest, path: string, signal: AbortSignal): AsyncIterable<Uint8Array>;
}
