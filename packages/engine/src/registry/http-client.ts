import { Agent, type Dispatcher, EnvHttpProxyAgent, request } from "undici";
import { errno, LongshoreError, messageOf } from "#kernel";

export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | (() => AsyncIterable<Uint8Array>);
  readonly isInsecure: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Reads and drops the rest, so that the connection can serve again. */
  drop(): Promise<void>;
}

const MAX_REDIRECTS = 5;
const HEADERS_TIMEOUT_MS = 30_000;
const BODY_TIMEOUT_MS = 60_000;

/** HTTP with redirects of our own: credentials go to no other host, and never from https to http. Proxies by environment. */
export class HttpClient implements AsyncDisposable {
  readonly #strict: Dispatcher = new (hasProxy() ? EnvHttpProxyAgent : Agent)({
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: BODY_TIMEOUT_MS,
  });
  readonly #lax = new Agent({
    headersTimeout: HEADERS_TIMEOUT_MS,
    bodyTimeout: BODY_TIMEOUT_MS,
    connect: { rejectUnauthorized: false },
  });

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

  async #once(
    wanted: HttpRequest,
    url: URL,
    headers: Record<string, string>,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    try {
      const body = typeof wanted.body === "function" ? wanted.body() : wanted.body;
      const response = await request(url, {
        method: wanted.method,
        headers,
        signal,
        dispatcher: wanted.isInsecure ? this.#lax : this.#strict,
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
      throw new LongshoreError("unavailable", `Get "${url.origin}${url.pathname}": ${reasonOf(error, url)}`, {
        cause: error,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#strict.destroy(), this.#lax.destroy()]);
  }
}

/** The proxy agent is made only where the environment names a proxy. */
function hasProxy(): boolean {
  return ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"].some(
    (name) => (process.env[name] ?? "") !== "",
  );
}

/** Why no connection came about, in the words that Docker users know. */
function reasonOf(error: unknown, url: URL): string {
  const code = errno(error);
  if (code === "ECONNREFUSED") return `dial tcp ${url.host}: connect: connection refused`;
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") return `dial tcp: lookup ${url.hostname}: no such host`;
  return messageOf(error);
}
