import { isKind, LongshoreError, messageOf, MiB, unlessAborted } from "#kernel";
import { type Digest, digestOf, type Reference } from "#spec";
import type { Credentials, FetchedManifest, Purpose, Repository } from "./contract.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpClient, HttpLimits, HttpRequest, HttpResponse } from "./http-client.ts";
import { manifestUnknown, noCredentials, type Reason, reasonOf, refusal, verifiedDigest } from "./refusal.ts";
import { TokenAuth } from "./token-auth.ts";
import { uploadBlob, type UploadWire } from "./upload.ts";

const MAX_MANIFEST_BYTES = 4 * MiB;
const MAX_ERROR_BYTES = 65_536;
const MAX_TAG_PAGES = 200;
const RETRIES = 5;
const MAX_PAUSE_MS = 60_000;
const ACCEPT = [
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
].join(", ");
type Send = Omit<HttpRequest, "url" | "isInsecure" | "registry"> & { readonly path: string };

/** One repository over the first endpoint that answers. Source: OCI distribution spec 1.1. */
export class RemoteRepository implements Repository {
  readonly #http: HttpClient;
  readonly #reference: Reference;
  readonly #endpoints: readonly Endpoint[];
  readonly #auths: readonly TokenAuth[];
  readonly #purpose: Purpose;
  /** Repositories that blobs are mounted from: a token must let them be read. */
  readonly #sources = new Set<string>();
  /** The endpoint that answered; the others are not asked again. */
  #chosen: number | undefined;
  /** Settles with the first question's answer. */
  #first: Promise<unknown> | undefined;

  constructor(
    http: HttpClient,
    reference: Reference,
    endpoints: readonly Endpoint[],
    credentials: Credentials | undefined,
    purpose: Purpose,
  ) {
    this.#http = http;
    this.#reference = reference;
    this.#endpoints = endpoints;
    // A mirror is another party: the registry's credentials are not for it.
    this.#auths = endpoints.map(
      (endpoint) => new TokenAuth(http, endpoint.isMirror ? undefined : credentials, endpoint),
    );
    this.#purpose = purpose;
  }

  get domain(): string {
    return this.#reference.domain;
  }

  get path(): string {
    return this.#reference.path;
  }

  async manifest(tagOrDigest: string, signal: AbortSignal): Promise<FetchedManifest> {
    const response = await this.#ask(
      { method: "GET", path: `manifests/${tagOrDigest}`, headers: { accept: ACCEPT } },
      signal,
    );
    if (response.status === 404) {
      const reason = await this.#reason(response, signal);
      throw reason.code === "name unknown"
        ? refusal(this.#reference, this.#purpose, 404, reason)
        : manifestUnknown(this.#reference, tagOrDigest, this.#purpose);
    }
    await this.#refuse(response, 200, signal);
    const bytes = await this.#http.document(response, MAX_MANIFEST_BYTES, `manifest ${tagOrDigest}`, signal);
    const digest = verifiedDigest(bytes, tagOrDigest);
    const type = response.headers["content-type"];
    return { bytes, digest, mediaType: typeof type === "string" ? (type.split(";", 1)[0] ?? type) : "" };
  }

  async tags(signal: AbortSignal): Promise<readonly string[]> {
    const tags: string[] = [];
    let path = "tags/list?n=1000";
    for (let page = 0; page < MAX_TAG_PAGES; page++) {
      const response = await this.#ask({ method: "GET", path }, signal);
      await this.#refuse(response, 200, signal);
      tags.push(...parseTags(await this.#http.document(response, MAX_MANIFEST_BYTES, "tag list", signal)));
      const link = /<([^>]+)>;\s*rel="?next"?/.exec(String(response.headers["link"] ?? ""))?.[1];
      if (link === undefined) break;
      path = link.includes("/tags/list")
        ? `tags/list${link.slice(link.indexOf("/tags/list") + "/tags/list".length)}`
        : `tags/list${link}`;
    }
    return tags;
  }

  async *blob(
    digest: Digest,
    sizeBytes: number,
    fromByte: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let done = fromByte;
    let doneBefore = fromByte;
    for (let failures = 0; ;) {
      try {
        const response = await this.#ask(
          { method: "GET", path: `blobs/${digest}`, headers: done > 0 ? { range: `bytes=${done}-` } : {} },
          signal,
        );
        if (response.status !== 206) await this.#refuse(response, 200, signal);
        // A server that ignores the range begins again: what is known is skipped.
        let skip = response.status === 206 ? 0 : done;
        if (response.status === 206 && !rangeBeginsAt(response, done))
          throw new LongshoreError(
            "unavailable",
            `blob ${digest}: another range than the one from ${done} came`,
          );
        for await (const chunk of paced(response.body, this.#http.limits)) {
          const fresh = skip >= chunk.byteLength ? undefined : chunk.subarray(skip);
          skip -= Math.min(skip, chunk.byteLength);
          if (fresh === undefined) continue;
          done += fresh.byteLength;
          if (done > sizeBytes)
            throw new LongshoreError(
              "invalid",
              `blob ${digest} is larger than the ${sizeBytes} bytes it was said to have`,
            );
          yield fresh;
        }
        if (done >= sizeBytes) return;
        throw new LongshoreError("unavailable", `blob ${digest} ended after ${done} of ${sizeBytes} bytes`);
      } catch (error) {
        signal.throwIfAborted();
        const isFinal = error instanceof LongshoreError && error.kind !== "unavailable";
        // A connection that is cut again and again is no failure as long as each brings something.
        if (done - doneBefore >= this.#http.limits.paceBytes) failures = 0;
        doneBefore = done;
        if (isFinal) throw error;
        if (++failures > RETRIES) throw isKind(error) ? error : cutOff(error, digest, done, sizeBytes);
        await pause(this.#http.limits.firstPauseMs * 2 ** (failures - 1), signal);
      }
    }
  }

  async hasBlob(digest: Digest, signal: AbortSignal): Promise<boolean> {
    const response = await this.#ask({ method: "HEAD", path: `blobs/${digest}` }, signal);
    if (response.status === 200 || response.status === 404) {
      await response.drop();
      return response.status === 200;
    }
    throw await this.#refused(response, signal);
  }

  async mountBlob(digest: Digest, from: string, signal: AbortSignal): Promise<boolean> {
    if (!this.#sources.has(from)) {
      this.#sources.add(from);
      for (const auth of this.#auths) auth.forgetToken();
    }
    const response = await this.#ask(
      { method: "POST", path: `blobs/uploads/?mount=${digest}&from=${encodeURIComponent(from)}` },
      signal,
    );
    await response.drop();
    if (response.status === 201) return true;
    // 202 began an upload that nobody will finish: it is given up.
    const location = response.headers["location"];
    if (response.status === 202 && typeof location === "string")
      await (await this.#absolute({ method: "DELETE" }, location, signal)).drop().catch(() => {});
    return false;
  }

  pushBlob(
    digest: Digest,
    sizeBytes: number,
    open: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const wire: UploadWire = {
      limits: this.#http.limits,
      begin: (stop) => this.#ask({ method: "POST", path: "blobs/uploads/" }, stop),
      at: (request, location, stop) => this.#absolute(request, location, stop),
      refuse: (response, wanted, stop) => this.#refuse(response, wanted, stop),
      pause,
    };
    return uploadBlob(wire, { digest, sizeBytes, open }, signal);
  }

  async pushManifest(
    tagOrDigest: string,
    bytes: Buffer,
    mediaType: string,
    signal: AbortSignal,
  ): Promise<Digest> {
    const response = await this.#ask(
      {
        method: "PUT",
        path: `manifests/${tagOrDigest}`,
        headers: { "content-type": mediaType },
        body: bytes,
      },
      signal,
    );
    await this.#refuse(response, 201, signal);
    await response.drop();
    return digestOf(bytes);
  }

  /** The first question goes alone: it finds the endpoint that answers and the token, which the others then have. */
  async #ask(wanted: Send, signal: AbortSignal): Promise<HttpResponse> {
    if (this.#first !== undefined) {
      await unlessAborted(this.#first, signal);
      return await this.#askEach(wanted, signal);
    }
    const asked = this.#askEach(wanted, signal);
    this.#first = asked.catch(() => {});
    return await asked;
  }

  /** Tries the endpoints in order until one answers; a mirror that lacks something passes on. */
  async #askEach(wanted: Send, signal: AbortSignal): Promise<HttpResponse> {
    let failure: unknown;
    const order = this.#chosen === undefined ? this.#endpoints.keys() : [this.#chosen];
    for (const index of order) {
      const endpoint = this.#endpoints[index];
      if (endpoint === undefined) continue;
      try {
        const response = await this.#patiently(
          { ...wanted, url: `${endpoint.base}/v2/${this.#reference.path}/${wanted.path}` },
          index,
          signal,
        );
        if (endpoint.isMirror && response.status >= 400) {
          failure ??= await this.#refused(response, signal);
          continue;
        }
        this.#chosen ??= index;
        return response;
      } catch (error) {
        signal.throwIfAborted();
        failure ??= error;
        if (error instanceof LongshoreError && error.kind !== "unavailable") throw error;
        failure = error;
      }
    }
    throw failure ?? new LongshoreError("unavailable", `no endpoint of ${this.#reference.domain} answered`);
  }

  async #absolute(wanted: Omit<Send, "path">, location: string, signal: AbortSignal): Promise<HttpResponse> {
    const index = this.#chosen ?? 0;
    const base = this.#endpoints[index]?.base ?? "";
    const url = new URL(location, base);
    // An upload location on another host gets the bytes but never the credentials.
    if (url.host !== new URL(base).host)
      return await this.#http.send({ ...wanted, url: url.href, ...this.#peer(index) }, signal);
    return await this.#authorised({ ...wanted, url: url.href }, index, signal);
  }

  /** Asks again when a registry says "later", as long as it names a bearable time. */
  async #patiently(
    wanted: Omit<HttpRequest, "isInsecure" | "registry">,
    index: number,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    for (let tries = 0; ; tries++) {
      const response = await this.#authorised(wanted, index, signal);
      const waitMs = retryAfterMs(response);
      if (
        (response.status !== 429 && response.status !== 503) ||
        waitMs === undefined ||
        waitMs > this.#http.limits.longestPauseMs ||
        tries >= RETRIES
      )
        return response;
      await response.drop();
      await pause(waitMs, signal);
    }
  }

  async #authorised(
    wanted: Omit<HttpRequest, "isInsecure" | "registry">,
    index: number,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const auth = this.#auths[index];
    for (let tries = 0; ; tries++) {
      const header = auth?.header();
      const response = await this.#http.send(
        {
          ...wanted,
          ...this.#peer(index),
          headers: { ...wanted.headers, ...(header !== undefined && { authorization: header }) },
        },
        signal,
      );
      const challenge = response.headers["www-authenticate"];
      if (response.status !== 401 || tries >= 2 || challenge === undefined || auth === undefined)
        return response;
      if (!(await auth.answer([challenge].flat().join(", "), this.#scope(), signal))) {
        if (auth.hasName) return response;
        await response.drop();
        throw noCredentials(wanted.method, wanted.url);
      }
      await response.drop();
    }
  }

  #scope(): string {
    const actions = this.#purpose === "push" ? "pull,push" : "pull";
    const sources = [...this.#sources].map((source) => `repository:${source}:pull`);
    return [`repository:${this.#reference.path}:${actions}`, ...sources].join(" ");
  }

  #peer(index: number): Pick<HttpRequest, "isInsecure" | "registry"> {
    const endpoint = this.#endpoints[index];
    return endpoint === undefined
      ? { isInsecure: false }
      : { isInsecure: endpoint.isInsecure, registry: endpoint.registry };
  }

  async #refuse(response: HttpResponse, wanted: number, signal: AbortSignal): Promise<void> {
    if (response.status !== wanted) throw await this.#refused(response, signal);
  }

  async #refused(response: HttpResponse, signal: AbortSignal): Promise<LongshoreError> {
    const reason = await this.#reason(response, signal);
    return refusal(this.#reference, this.#purpose, response.status, reason);
  }

  async #reason(response: HttpResponse, signal: AbortSignal): Promise<Reason> {
    const bytes = await this.#http
      .document(response, MAX_ERROR_BYTES, "registry error", signal)
      .catch(() => Buffer.alloc(0));
    signal.throwIfAborted();
    const challenge = [response.headers["www-authenticate"] ?? ""].flat().join(", ");
    return reasonOf(response.status, challenge, bytes.toString("utf8"));
  }
}

function parseTags(bytes: Buffer): readonly string[] {
  try {
    const { tags } = JSON.parse(bytes.toString("utf8")) as { tags?: unknown };
    return Array.isArray(tags) ? tags.filter((tag): tag is string => typeof tag === "string") : [];
  } catch (error) {
    throw new LongshoreError("unavailable", "registry answered a tag list that is not JSON", {
      cause: error,
    });
  }
}

function cutOff(error: unknown, digest: Digest, done: number, sizeBytes: number): LongshoreError {
  return new LongshoreError(
    "unavailable",
    `blob ${digest} was cut after ${done} of ${sizeBytes} bytes: ${messageOf(error)}`,
    { cause: error },
  );
}

/** Source: RFC 9110 section 10.2.3; seconds or a date. */
function retryAfterMs(response: HttpResponse): number | undefined {
  const text = response.headers["retry-after"];
  if (typeof text !== "string") return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : Math.max(0, time - Date.now());
}

function rangeBeginsAt(response: HttpResponse, offset: number): boolean {
  const range = /^bytes (\d+)-/.exec(String(response.headers["content-range"] ?? ""));
  return range !== null && Number(range[1]) === offset;
}

/** The body as it comes; throws `unavailable` when it comes too slowly. */
async function* paced(body: AsyncIterable<Uint8Array>, limits: HttpLimits): AsyncGenerator<Uint8Array> {
  let windowStart = performance.now();
  let windowBytes = 0;
  for await (const chunk of body) {
    windowBytes += chunk.byteLength;
    const now = performance.now();
    if (now - windowStart >= limits.paceMs) {
      if (windowBytes < limits.paceBytes)
        throw new LongshoreError(
          "unavailable",
          `registry sent ${windowBytes} bytes in ${limits.paceMs} ms, want ${limits.paceBytes}`,
        );
      windowStart = now;
      windowBytes = 0;
    }
    yield chunk;
    // The time that the reader takes is not the registry's.
    windowStart += performance.now() - now;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(ms, MAX_PAUSE_MS));
  const onAbort = (): void => {
    clearTimeout(timer);
    reject(signal.reason as Error);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
