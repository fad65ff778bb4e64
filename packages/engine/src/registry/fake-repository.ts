import { LongshoreError } from "#kernel";
import { type Digest, digestOf, isDigest, type Reference } from "#spec";
import type { Credentials, FetchedManifest, Purpose, Repository } from "./contract.ts";
import type { FakeFaults, FakeRequest } from "./fake-registry.ts";
import { manifestUnknown, refusal, verifiedDigest } from "./refusal.ts";

/** What a fake registry knows; its repositories share it. */
export interface FakeServer {
  readonly repositories: Map<string, FakeContent>;
  readonly users: Readonly<Record<string, string>>;
  readonly chunkBytes: number;
  readonly faults: FakeFaults;
  readonly requests: FakeRequest[];
}

interface FakeContent {
  readonly blobs: Map<string, Buffer>;
  /** By digest. */
  readonly manifests: Map<string, { readonly bytes: Buffer; readonly mediaType: string }>;
  readonly tags: Map<string, Digest>;
}

const PIECE_BYTES = 65_536;

/** One repository of a fake registry, refusing what a registry refuses. */
export class FakeRepository implements Repository {
  readonly #server: FakeServer;
  readonly #reference: Reference;
  readonly #credentials: Credentials | undefined;
  readonly #purpose: Purpose;

  constructor(
    server: FakeServer,
    reference: Reference,
    credentials: Credentials | undefined,
    purpose: Purpose,
  ) {
    this.#server = server;
    this.#reference = reference;
    this.#credentials = credentials;
    this.#purpose = purpose;
  }

  get domain(): string {
    return this.#reference.domain;
  }

  get path(): string {
    return this.#reference.path;
  }

  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<FetchedManifest> {
    this.#ask("manifest", tagOrDigest, signal);
    const content = this.#server.repositories.get(this.#key);
    const digest = isDigest(tagOrDigest) ? tagOrDigest : content?.tags.get(tagOrDigest);
    const found = digest === undefined ? undefined : content?.manifests.get(digest);
    if (found === undefined) throw manifestUnknown(this.#reference, tagOrDigest, this.#purpose);
    return { ...found, digest: verifiedDigest(found.bytes, tagOrDigest) };
  }

  async tags(signal: AbortSignal): Promise<readonly string[]> {
    this.#ask("tags", "", signal);
    const content = this.#server.repositories.get(this.#key);
    if (content === undefined)
      throw this.#refusal(404, "name unknown", "repository name not known to registry");
    return [...content.tags.keys()].toSorted();
  }

  async *blob(
    digest: Digest,
    sizeBytes: number,
    fromByte: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { faults } = this.#server;
    for (let done = fromByte; ;) {
      this.#ask("blob", digest, signal, done);
      const bytes = this.#server.repositories.get(this.#key)?.blobs.get(digest);
      if (bytes === undefined) throw this.#refusal(404, "blob unknown", "blob unknown to registry");
      const end = Math.min(bytes.length, done + (faults.cutAfterBytes ?? Infinity));
      for (let at = done; at < end; at += PIECE_BYTES) {
        await faults.throttle?.(digest, at);
        signal.throwIfAborted();
        const piece = bytes.subarray(at, Math.min(at + PIECE_BYTES, end));
        done += piece.length;
        if (done > sizeBytes)
          throw new LongshoreError(
            "invalid",
            `blob ${digest} is larger than the ${sizeBytes} bytes it was said to have`,
          );
        yield piece;
      }
      if (done >= sizeBytes) return;
      if (end === bytes.length || this.#isCutForGood())
        throw new LongshoreError("unavailable", `blob ${digest} ended after ${done} of ${sizeBytes} bytes`);
    }
  }

  async hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    this.#ask("has", digest, signal);
    return this.#server.repositories.get(this.#key)?.blobs.has(digest) ?? false;
  }

  async mountBlob(digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    this.#ask("mount", digest, signal);
    const bytes = this.#server.repositories.get(`${this.domain}/${from}`)?.blobs.get(digest);
    if (bytes === undefined) return false;
    this.#content().blobs.set(digest, bytes);
    return true;
  }

  async pushBlob(
    digest: Digest,
    sizeBytes: number,
    open: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    this.#ask("push-blob", digest, signal);
    const pieces: Buffer[] = [];
    const chunkBytes = Math.min(this.#server.chunkBytes, sizeBytes);
    for (let at = 0; at === 0 || at < sizeBytes; at += chunkBytes) {
      let left = Math.min(chunkBytes, sizeBytes - at);
      for await (const piece of open(at)) {
        signal.throwIfAborted();
        pieces.push(Buffer.from(piece.subarray(0, left)));
        left -= Math.min(left, piece.byteLength);
        if (left === 0) break;
      }
      if (chunkBytes === 0) break;
    }
    const bytes = Buffer.concat(pieces);
    if (digestOf(bytes) !== digest)
      throw this.#refusal(400, "digest invalid", "provided digest did not match uploaded content");
    this.#content().blobs.set(digest, bytes);
  }

  async pushManifest(
    tagOrDigest: string,
    bytes: Buffer,
    mediaType: string,
    signal: AbortSignal,
  ): Promise<Digest> {
    this.#ask("push-manifest", tagOrDigest, signal);
    const digest = digestOf(bytes);
    if (isDigest(tagOrDigest) && digest !== tagOrDigest)
      throw this.#refusal(400, "digest invalid", "provided digest did not match uploaded content");
    const content = this.#content();
    for (const part of partsOf(bytes))
      if (!content.blobs.has(part) && !content.manifests.has(part))
        throw this.#refusal(400, "manifest blob unknown", "blob unknown to registry");
    content.manifests.set(digest, { bytes: Buffer.from(bytes), mediaType });
    if (!isDigest(tagOrDigest)) content.tags.set(tagOrDigest, digest);
    return digest;
  }

  get #key(): string {
    return `${this.domain}/${this.path}`;
  }

  #content(): FakeContent {
    const { repositories } = this.#server;
    const content = repositories.get(this.#key) ?? {
      blobs: new Map(),
      manifests: new Map(),
      tags: new Map(),
    };
    repositories.set(this.#key, content);
    return content;
  }

  #isCutForGood(): boolean {
    const { faults } = this.#server;
    if (faults.cuts === undefined) return false;
    faults.cuts--;
    return faults.cuts < 0;
  }

  /** Every request begins so: whoever gave up, may not, or finds nobody is told. */
  #ask(action: FakeRequest["action"], what: string, signal: AbortSignal, fromByte?: number): void {
    signal.throwIfAborted();
    const { faults, requests, users } = this.#server;
    requests.push({ action, repository: this.#key, what, ...(fromByte !== undefined && { fromByte }) });
    if (faults.failure !== undefined) throw faults.failure;
    if (Object.keys(users).length === 0) return;
    const { username, password } = this.#credentials ?? {};
    if (username !== undefined && users[username] === password) return;
    if (username !== undefined)
      throw new LongshoreError("unauthorized", "unauthorized: incorrect username or password");
    if (this.#purpose === "push" || !this.path.startsWith("public/"))
      throw this.#refusal(403, "denied", "requested access to the resource is denied");
  }

  #refusal(status: number, code: string, message: string): LongshoreError {
    return refusal(this.#reference, this.#purpose, status, { code, text: `${code}: ${message}` });
  }
}

/** Digests that a manifest or an index names. */
function partsOf(bytes: Buffer): readonly string[] {
  const { config, layers, manifests } = JSON.parse(bytes.toString("utf8")) as Partial<
    Record<"layers" | "manifests", readonly { readonly digest: string }[]>
  > & { readonly config?: { readonly digest: string } };
  return [...(config === undefined ? [] : [config]), ...(layers ?? []), ...(manifests ?? [])].map(
    ({ digest }) => digest,
  );
}
