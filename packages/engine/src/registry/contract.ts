import type { Digest, Reference } from "#spec";

/** Credentials for one registry. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
  readonly serveraddress?: string;
}

/** A manifest's exact bytes with what the registry said of them. */
export interface FetchedManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
  readonly digest: Digest;
}

/** Who asks: a refused pull is told otherwise than what merely looks a name up. */
export type Purpose = "pull" | "push" | "inspect";

/** A conversation with one repository of one registry, with one set of credentials. */
export interface Repository {
  /** The registry's host as it stands in names. */
  readonly domain: string;
  readonly path: string;
  /** By tag or digest. Throws `not_found` `manifest for NAME not found: manifest unknown: manifest unknown`, `unauthorized`, `forbidden`, `unavailable`. */
  manifest(tagOrDigest: string, signal: AbortSignal): Promise<FetchedManifest>;
  tags(signal: AbortSignal): Promise<readonly string[]>;
  /**
   * A blob's bytes from `fromByte` on; a cut connection is resumed. The caller verifies the digest. Throws `invalid` when more than `sizeBytes`
   * come, `unavailable` when fewer do.
   */
  blob(digest: Digest, sizeBytes: number, fromByte: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean>;
  /** Tries to mount a blob from another repository of the same registry: true when it is there now. */
  mountBlob(digest: Digest, from: string, signal: AbortSignal): Promise<boolean>;
  /** Uploads, resumed after a cut: `open` gives the bytes from an offset on, as often as it is asked; a chunk need only hold until the next is asked for. */
  pushBlob(
    digest: Digest,
    sizeBytes: number,
    open: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void>;
  pushManifest(tagOrDigest: string, bytes: Buffer, mediaType: string, signal: AbortSignal): Promise<Digest>;
}

/** A repository that a search found. */
export interface SearchHit {
  readonly name: string;
  readonly description: string;
  readonly stars: number;
  readonly isOfficial: boolean;
}

export interface Registry extends AsyncDisposable {
  repository(reference: Reference, credentials: Credentials | undefined, purpose: Purpose): Repository;
  /** Checks credentials at `serveraddress` (Docker Hub when empty). Throws `unauthorized`. */
  login(credentials: Credentials, signal: AbortSignal): Promise<{ identityToken: string; status: string }>;
  /** Searches Docker Hub, or HOST when `term` is HOST/TERM. Throws `invalid` for a limit outside 1 to 100 (0 and absent are 25), `unauthorized`, `unavailable`. */
  search(
    term: string,
    limit: number | undefined,
    credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<readonly SearchHit[]>;
}
