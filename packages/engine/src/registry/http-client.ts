import { errno, LongshoreError, messageOf, MiB, readAtMost, unlessAborted } from "#kernel";
import { certificateFault, USUAL_CERTIFICATES } from "./certificates.ts";
import { Connections } from "./connections.ts";
import { NO_PROXIES, parseProxy, proxyFor, type ProxySettings } from "./proxy.ts";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | (() => AsyncIterable<Uint8Array>);
  readonly isInsecure: boolean;
  /** The registry on whose behalf this is asked: its certificates hold. */
  readonly registry?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array> & { destroy?(): unknown };
  /** Reads and drops the rest, so that the connection can serve again. */
  drop(): Promise<void>;
}

/** How long a registry may take; tests shorten it. */
export interface HttpLimits {
  /** From the request to the answer's head. */
  readonly headMs: number;
  /** Between two pieces of a body. */
  readonly idleMs: number;
  /** For the whole of a manifest, tag list, token or error. */
  readonly documentMs: number;
  /** A blob must bring this much in each `paceMs`: a slow drip would hold a pull for ever. */
  readonly paceBytes: number;
  readonly paceMs: number;
  /** Before the first repetition of a failed request; doubles with each. */
  readonly firstPauseMs: number;
  /** The longest wait that a registry may ask for by Retry-After. */
  readonly longestPauseMs: number;
  /** A larger blob is uploaded in chunks of this size. */
  readonly chunkBytes: number;
}

export const USUAL_LIMITS: HttpLimits = {
  headMs: 30_000,
  idleMs: 60_000,
  documentMs: 60_000,
  paceBytes: 65_536,
  paceMs: 60_000,
  firstPauseMs: 500,
  longestPauseMs: 60_000,
  chunkBytes: 64 * MiB,
};

const MAX_REDIRECTS = 5;

export interface HttpOptions {
  readonly limits?: HttpLimits;
  readonly certificates?: string;
  readonly proxies?: ProxySettings;
}

/** HTTP with redirects of our own: credentials go to no other host, and never from https to http. */
export class HttpClient implements AsyncDisposable {
  readonly limits: HttpLimits;
  readonly #connections: Connections;
  readonly #proxies: ProxySettings;

  constructor(options: HttpOptions = {}) {
    this.limits = options.limits ?? USUAL_LIMITS;
    this.#proxies = options.proxies ?? NO_PROXIES;
    this.#connections = new Connections({
      certificates: options.certificates ?? USUAL_CERTIFICATES,
      proxies: this.#proxies,
      headMs: this.limits.headMs,
      idleMs: this.limits.idleMs,
    });
  }

  /** Sends once and follows redirects of GET and HEAD. Throws `unavailable` when no answer comes. */
  async send(wanted: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    let url = new URL(wanted.url);
    let headers = { ...wanted.headers, "user-agent": "longshore/0.1" };
    for (let hops = 0; ; hops++) {
      const response = await this.#once(wanted, url, headers, signal);
      const location = response.headers["location"];
      if (
        ![301, 302, 303, 307, 308].includes(response.status) ||
        typeof location !== "string" ||
        (wanted.method !== "GET" && wanted.method !== "HEAD")
      )
        return response;
      await response.drop();
      if (hops >= MAX_REDIRECTS)
        throw new LongshoreError("unavailable", `${url.host} redirects more than ${MAX_REDIRECTS} times`);
      if (!URL.canParse(location, url.href))
        throw new LongshoreError("unavailable", `${url.host} redirects to ${JSON.stringify(location)}`);
      const next = new URL(location, url);
      if (next.protocol !== "https:" && !(next.protocol === "http:" && url.protocol === "http:"))
        throw new LongshoreError(
          "unavailable",
          `${url.host} redirects to ${next.protocol}//${next.host}, which is refused`,
        );
      if (next.host !== url.host) {
        const { authorization: _secret, ...rest } = headers as Record<string, string>;
        headers = rest as typeof headers;
      }
      url = next;
    }
  }

  /** A small answer's whole body as text. Throws `invalid` when it is larger than `limitBytes`, `unavailable` when it does not come in time. */
  async document(
    response: HttpResponse,
    limitBytes: number,
    what: string,
    signal: AbortSignal,
  ): Promise<Buffer> {
    const limit = AbortSignal.timeout(this.limits.documentMs);
    try {
      const pieces = readAtMost(response.body, limitBytes, what);
      return await unlessAborted(pieces, AbortSignal.any([signal, limit]));
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof LongshoreError) throw error;
      throw new LongshoreError(
        "unavailable",
        limit.aborted
          ? `${what} did not come within ${this.limits.documentMs} ms`
          : `${what} was cut: ${messageOf(error)}`,
        { cause: error },
      );
    } finally {
      response.body.destroy?.();
    }
  }

  async #once(
    wanted: HttpRequest,
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { isInsecure, registry } = wanted;
    const dispatcher = await this.#connections.for(url, { isInsecure, registry });
    try {
      const body = typeof wanted.body === "function" ? wanted.body() : wanted.body;
      const { request } = await import("undici");
      const response = await request(url, {
        method: wanted.method,
        headers,
        signal,
        dispatcher,
        ...(body !== undefined && { body: body as Buffer }),
      });
      return {
        status: response.statusCode,
        url: url.href,
        headers: response.headers,
        body: response.body,
        drop: () => response.body.dump({ limit: 65_536 }),
      };
    } catch (error) {
      signal.throwIfAborted();
      const verb = `${wanted.method[0]}${wanted.method.slice(1).toLowerCase()}`;
      throw new LongshoreError(
        "unavailable",
        `${verb} "${url.origin}${url.pathname}": ${reasonOf(error, url, proxyFor(url, this.#proxies))}`,
        { cause: error },
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connections[Symbol.asyncDispose]();
  }
}

/** Why no connection came about, in the words that Docker users know. What a proxy refuses is told of the proxy. Source: net/http, proxyconnect. */
function reasonOf(error: unknown, url: URL, proxy: string): string {
  const code = errno(error);
  const through = proxy === "" ? undefined : parseProxy(proxy);
  const { host, hostname } = through ?? url;
  const who = through === undefined ? "" : "proxyconnect tcp: ";
  if (code === "ECONNREFUSED") return `${who}dial tcp ${host}: connect: connection refused`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `${who}dial tcp: lookup ${hostname}: no such host`;
  const fault = certificateFault(code, error);
  if (fault !== undefined) return fault;
  return through === undefined ? messageOf(error) : `${messageOf(error)} (through the proxy ${host})`;
}
