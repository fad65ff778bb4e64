import { settle, type Callback } from "./call.ts";
import { requestOf, type Archive } from "./endpoint.ts";
import { demuxStream } from "./frames.ts";
import { followProgress } from "./progress.ts";
import { queryString, type Transport } from "./transport.ts";

/** One request of the caller's own making, in the words of docker-modem. */
export interface DialOptions {
  readonly path: string;
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  /** Query of a path that ends in "?", and body of a POST. */
  readonly options?: object;
  readonly headers?: Readonly<Record<string, string>>;
  readonly authconfig?: object;
  readonly registryconfig?: object;
  readonly abortSignal?: AbortSignal;
  readonly file?: Archive;
  readonly isStream?: boolean;
  readonly hijack?: boolean;
  readonly openStdin?: boolean;
  /** Accepted for docker-modem's callers: an answer below 400 is one, all others are a DockerError. */
  readonly statusCodes?: Readonly<Record<number, unknown>>;
}

/** What dockerode's objects carry as `modem`. */
export class Modem {
  readonly demuxStream: typeof demuxStream = demuxStream;
  readonly followProgress: typeof followProgress = followProgress;
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Sends one request; the answer is parsed, or a stream with `isStream`, or the connection with `hijack` or `openStdin`. */
  dial(options: DialOptions, callback: Callback<unknown>): void {
    void settle(this.#dial(options), callback);
  }

  buildQuerystring(options: Readonly<Record<string, unknown>>): string {
    return queryString(options).slice(1);
  }

  async #dial(dial: DialOptions): Promise<unknown> {
    const { method, authconfig, registryconfig, abortSignal, file } = dial;
    const path = dial.path.replace(/\?$/, "");
    const options = { ...dial.options, ...defined({ authconfig, registryconfig, abortSignal }) };
    const asQuery = requestOf({ method, path }, options, file);
    const asBody = requestOf({ method, path, takes: "body" }, options);
    const request = {
      ...asQuery,
      query: dial.path.endsWith("?") ? asQuery.query : {},
      body: method === "POST" && file === undefined ? asBody.body : undefined,
      headers: { ...asQuery.headers, ...dial.headers },
    };
    if (dial.hijack === true || dial.openStdin === true) return await this.#transport.hijack(request);
    return await (dial.isStream === true ? this.#transport.stream(request) : this.#transport.json(request));
  }
}

function defined(values: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
