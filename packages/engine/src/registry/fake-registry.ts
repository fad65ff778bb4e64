import { LongshoreError } from "#kernel";
import type { Reference } from "#spec";
import type { Credentials, Purpose, Registry, Repository, SearchHit } from "./contract.ts";
import { FakeRepository, type FakeServer } from "./fake-repository.ts";
import { wantedLimit } from "./search.ts";

/** What goes wrong on the way; may be changed at any time. */
export interface FakeFaults {
  /** Every request ends in this, as when nobody answers. */
  failure?: LongshoreError | undefined;
  /** Every answer of a blob is cut after so many bytes; the client asks for the rest. */
  cutAfterBytes?: number | undefined;
  /** So many cut answers in all; the next one finds nobody. */
  cuts?: number | undefined;
  /** Waited for before each piece of a blob: a slow or stalled registry. */
  throttle?: ((digest: string, doneBytes: number) => Promise<void>) | undefined;
}

/** A request as a registry would see it. */
export interface FakeRequest {
  readonly action: "manifest" | "tags" | "blob" | "has" | "mount" | "push-blob" | "push-manifest";
  /** `domain/path`. */
  readonly repository: string;
  /** The digest or tag. */
  readonly what: string;
  readonly fromByte?: number;
}

/** Registries in memory, each domain one. Passes the suite that the real client passes against a real registry. */
export class FakeRegistry implements Registry {
  readonly #server: FakeServer;
  readonly faults: FakeFaults;

  /** `users` are names and passwords: without any, everybody may do everything; with some, others may pull `public/...` only. */
  constructor(
    options: {
      readonly users?: Readonly<Record<string, string>>;
      readonly chunkBytes?: number;
      readonly faults?: FakeFaults;
    } = {},
  ) {
    this.faults = options.faults ?? {};
    this.#server = {
      repositories: new Map(),
      users: options.users ?? {},
      chunkBytes: options.chunkBytes ?? Infinity,
      faults: this.faults,
      requests: [],
    };
  }

  /** Every request so far, in order. */
  get requests(): readonly FakeRequest[] {
    return this.#server.requests;
  }

  repository(reference: Reference, credentials: Credentials | undefined, purpose: Purpose): Repository {
    return new FakeRepository(this.#server, reference, credentials, purpose);
  }

  /** Puts other bytes in a blob's or a manifest's place, as a broken disk would. */
  spoil(digest: string, bytes: Buffer): void {
    for (const { blobs, manifests } of this.#server.repositories.values()) {
      if (blobs.has(digest)) blobs.set(digest, bytes);
      const manifest = manifests.get(digest);
      if (manifest !== undefined) manifests.set(digest, { ...manifest, bytes });
    }
  }

  async login(
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<{ identityToken: string; status: string }> {
    signal.throwIfAborted();
    if (this.faults.failure !== undefined) throw this.faults.failure;
    const { users } = this.#server;
    const { username = "", password = "", serveraddress = "" } = credentials;
    if (Object.keys(users).length > 0 && (users[username] === undefined || users[username] !== password))
      throw new LongshoreError(
        "unauthorized",
        `login attempt to https://${serveraddress}/v2/ failed with status: 401 Unauthorized`,
      );
    return { identityToken: "", status: "Login Succeeded" };
  }

  /** Repositories whose path has the term in it. */
  async search(
    term: string,
    limit: number | undefined,
    _credentials: Credentials | undefined,
    signal: AbortSignal,
  ): Promise<readonly SearchHit[]> {
    signal.throwIfAborted();
    const most = wantedLimit(limit);
    const names = [...this.#server.repositories.keys()].map((key) => key.slice(key.indexOf("/") + 1));
    return names
      .filter((name) => name.includes(term))
      .slice(0, most)
      .map((name) => ({ name, description: "", stars: 0, isOfficial: false }));
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
