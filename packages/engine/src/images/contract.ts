import type { SearchHit } from "#registry";
import type { Digest, ExecutionConfig, ImageConfig, Platform, Reference } from "#spec";

/** An image on this engine. `id` is the config digest, as Docker's graph driver store has it. */
export interface Image {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** Chain id of the top layer; absent for an image without layers. */
  readonly top?: Digest;
  /** Chain ids, base first. */
  readonly chain: readonly Digest[];
  /** Familiar `repo:tag`, sorted. */
  readonly repoTags: readonly string[];
  /** Familiar `repo@sha256:...`, sorted. */
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: string;
  readonly lastTaggedAt?: string;
  /** Parent image id when it was made here by commit or build. */
  readonly parent?: Digest;
  /** The manifest that it was pulled by, a blob. */
  readonly manifest?: Digest;
}

/** One line of Docker's progress stream. Source: Docker Engine API, JSONMessage. */
export interface Progress {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly aux?: unknown;
}
export type OnProgress = (line: Progress) => void;

/** Credentials as X-Registry-Auth carries them. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress?: string;
}

export interface HistoryLine {
  readonly id: Digest | "<missing>";
  readonly createdAt: string;
  readonly createdBy: string;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  readonly comment: string;
}

export interface RemovedLine {
  readonly untagged?: string;
  readonly deleted?: string;
}

/** Told by containers, so that images can refuse: ids of images in use and by whom. */
export interface ImageUse {
  readonly imageId: Digest;
  readonly containerId: string;
  readonly isRunning: boolean;
  /** The container is in the trash: it stands in nobody's way, but what it needs to come back is kept. */
  readonly isTrashed?: true;
}

/** What a removal took away and can give back: names, and the image itself if it went with them. Its layers and blobs stay on the disk. */
export interface TrashedImage {
  readonly key: string;
  readonly id: Digest;
  /** Familiar, tags before digests. */
  readonly names: readonly string[];
  /** Top layers of the images in it. */
  readonly tops: readonly Digest[];
  /** Configs and manifests of the images in it. */
  readonly blobs: readonly Digest[];
  /** Ids of the images in it: the one removed and parents that went along; none when only a name was taken. */
  readonly images: readonly Digest[];
  /** RFC 3339. */
  readonly removedAt: string;
  /** Removed for good, but for containers in the trash that were made from it. */
  readonly isKept: boolean;
}

export interface Images extends AsyncDisposable {
  /** Finds by repo[:tag], repo@digest, sha256:hex, bare or short hex. Throws `not_found` `No such image: NAME`. */
  get(name: string): Image;
  list(): readonly Image[];
  /** Set once by assembly: who uses images. */
  onUse(find: () => Iterable<ImageUse>): void;
  /** Pulls `reference` (all tags when `isAllTags`). Status lines as Docker words them go to `onProgress`. */
  pull(
    reference: Reference,
    options: { auth?: RegistryAuth; platform?: Platform; isAllTags?: boolean },
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
  push(
    name: string,
    options: { tag?: string; auth?: RegistryAuth; isAllTags?: boolean },
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
  /** docker-archive or OCI layout, plain or compressed. Ends with `Loaded image: ...` lines. Returns the ids. */
  load(
    source: AsyncIterable<Uint8Array>,
    options: { isQuiet?: boolean; platform?: Platform },
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<readonly Digest[]>;
  /** A docker-archive that is an OCI layout too (as Docker 25+ writes). Throws `not_found` before the first byte. */
  save(names: readonly string[], signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** A root file system tar (any compression) becomes a one-layer image. */
  importRootfs(
    source: AsyncIterable<Uint8Array>,
    options: { reference?: Reference; config?: ExecutionConfig; message?: string; platform?: Platform },
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<Digest>;
  /** Adds a layer tar and a config over `parent`; used by containers' commit and by build. */
  commit(
    parent: Digest | undefined,
    layer: AsyncIterable<Uint8Array> | undefined,
    config: ImageConfig,
    options: { reference?: Reference },
    signal: AbortSignal,
  ): Promise<Digest>;
  tag(name: string, reference: Reference): Promise<void>;
  /** Docker's rules for untag, delete, conflict and force. What a container in the trash was made from is kept there. */
  remove(
    name: string,
    options: { isForced: boolean; isPruningParents: boolean },
  ): Promise<readonly RemovedLine[]>;
  /** As remove, into the trash. `key` is absent when nothing was removed. */
  discard(
    name: string,
    options: { isForced: boolean; isPruningParents: boolean },
  ): Promise<{ readonly lines: readonly RemovedLine[]; readonly key?: string }>;
  /** Oldest first. */
  trashed(): readonly TrashedImage[];
  /**
   * Throws `conflict` when another image has one of its names by now: then `name` stands in for those, or they are left out
   * (`isSkippingTaken`). Answers what was left out.
   */
  restore(
    key: string,
    options: { readonly name?: Reference; readonly isSkippingTaken?: boolean },
  ): Promise<{ readonly id: Digest; readonly skipped: readonly string[] }>;
  /** For good; what a container in the trash was made from stays until forgo(). Absent is success. */
  purge(key: string): Promise<void>;
  /** Drops the layers from `top` down that nothing needs, if image `id` is gone: a container of it was the last to stand on them. */
  dropLayers(id: Digest, top: Digest): Promise<void>;
  /** Drops what was only kept for containers that are no longer in the trash. */
  forgo(): Promise<void>;
  /** `isDanglingOnly` false removes every unused image. With `isDiscarding` into the trash: `discarded` are the keys. */
  prune(options: {
    isDanglingOnly: boolean;
    isDiscarding?: boolean;
    matches?: (image: Image) => boolean;
  }): Promise<{
    readonly removed: readonly RemovedLine[];
    readonly reclaimedBytes: number;
    readonly discarded: readonly string[];
  }>;
  history(name: string): readonly HistoryLine[];
  /** Verifies credentials at a registry; POST /auth. */
  login(auth: RegistryAuth, signal: AbortSignal): Promise<{ identityToken: string; status: string }>;
  /** Repositories of Docker Hub, or of HOST when `term` is HOST/TERM. Throws `invalid` for a limit outside 1 to 100. */
  search(
    term: string,
    limit: number | undefined,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<readonly SearchHit[]>;
  /** GET /distribution/NAME/json. */
  distribution(
    reference: Reference,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<{
    descriptor: { mediaType: string; digest: string; size: number };
    platforms: readonly Platform[];
  }>;
}
