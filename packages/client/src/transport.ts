import {
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { DockerError, messageOf } from "./errors.ts";

/** Where an engine listens: a unix socket, tcp (TLS with certificates), or any stream that someone else opens (ssh). */
export interface DockerOptions {
  readonly socketPath?: string;
  readonly host?: string;
  readonly port?: number | string;
  readonly protocol?: "http" | "https";
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
  /** Opens one connection to the engine, one for each request; wins over everything else. */
  readonly connect?: () => Duplex | Promise<Duplex>;
  /** For example "v1.41"; without it the engine takes its newest. */
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Milliseconds without a byte, either way, before a request fails; once its answer has begun it may take its time. */
  readonly timeout?: number;
}

export type Query = Readonly<Record<string, unknown>>;

export interface EngineRequest {
  readonly method: string;
  readonly path: string;
  readonly query?: Query | undefined;
  readonly body?: unknown;
  /** Sent as they come, instead of `body`. */
  readonly stream?: Readable | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Docker's query words: objects (filters) as JSON, arrays repeated, booleans as words, absent left out. */
export function queryString(query: Query | undefined): string {
  const words = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) for (const item of value as readonly string[]) words.append(name, item);
    else words.append(name, typeof value === "string" ? value : JSON.stringify(value));
  }
  const text = words.toString();
  return text === "" ? "" : `?${text}`;
}

/** One engine, reached over HTTP. Every method maps an answer above 399 to a DockerError. */
export class Transport {
  readonly #options: DockerOptions;

  constructor(options: DockerOptions) {
    this.#options = options;
  }

  /** The answer as it streams; the caller reads or destroys it. */
  async stream(request: EngineRequest): Promise<IncomingMessage> {
    const { response } = await this.#send(request, false);
    return await refuseErrors(response);
  }

  async text(request: EngineRequest): Promise<string> {
    const response = await this.stream(request);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of response) chunks.push(chunk as Buffer);
    } catch (error) {
      request.signal?.throwIfAborted();
      throw new DockerError(0, `the engine's answer broke off: ${asError(error).message}`, null, {
        cause: error,
      });
    }
    return Buffer.concat(chunks).toString("utf8");
  }

  async json<T>(request: EngineRequest): Promise<T> {
    const text = await this.text(request);
    try {
      return (text.trim() === "" ? null : JSON.parse(text)) as T;
    } catch (error) {
      const begin = JSON.stringify(text.slice(0, 100));
      throw new DockerError(0, `the engine's answer is no JSON: ${begin}`, null, { cause: error });
    }
  }

  /** Takes the connection over after the answer's head (attach, exec): bytes go both ways, half-close works. */
  async hijack(request: EngineRequest): Promise<Duplex> {
    const { response, socket } = await this.#send(request, true);
    if (socket !== undefined) return socket;
    await refuseErrors(response);
    response.destroy();
    throw new DockerError(
      response.statusCode ?? 0,
      `the engine did not hand over the connection of ${request.path}`,
      null,
    );
  }

  async #send(
    request: EngineRequest,
    isHijack: boolean,
  ): Promise<{ readonly response: IncomingMessage; readonly socket?: Duplex }> {
    const { promise, resolve, reject } = Promise.withResolvers<{
      readonly response: IncomingMessage;
      readonly socket?: Duplex;
    }>();
    request.signal?.throwIfAborted();
    const outgoing = this.#open(request, isHijack);
    let taken: Duplex | IncomingMessage | undefined;
    let sourceError: Error | undefined;
    const abort = (): void => {
      // The reader of the answer sees the caller's reason, not the broken connection that follows from it.
      taken?.destroy(asError(request.signal?.reason));
      outgoing.destroy(asError(request.signal?.reason));
    };
    const take = <S extends Duplex | IncomingMessage>(stream: S): S => {
      taken = stream;
      stream.once("close", () => request.signal?.removeEventListener("abort", abort));
      return stream;
    };
    request.signal?.addEventListener("abort", abort, { once: true });
    outgoing.on("error", (error) => {
      if (taken === undefined) request.signal?.removeEventListener("abort", abort);
      if (request.signal?.aborted === true) reject(asError(request.signal.reason));
      else {
        const what = sourceError === undefined ? "cannot reach the engine" : "the upload's source failed";
        reject(new DockerError(0, `${what}: ${error.message}`, null, { cause: error }));
      }
    });
    const limit = this.#options.timeout ?? 0;
    const onLate = (): void => {
      if (taken === undefined) outgoing.destroy(new Error(`not a byte for ${limit} ms`));
    };
    outgoing.on("timeout", onLate);
    // Only a socket tells of its silence.
    const isBlind = limit > 0 && this.#options.connect !== undefined && request.stream === undefined;
    const timer = isBlind ? setTimeout(onLate, limit) : undefined;
    outgoing.once("close", () => clearTimeout(timer));
    outgoing.on("response", (response) => resolve({ response: take(response) }));
    outgoing.on("upgrade", (response, socket, head) => {
      if (head.length > 0) socket.unshift(head);
      resolve({ response, socket: take(socket) });
    });
    if (request.stream !== undefined) {
      const { stream } = request;
      stream.on("error", (error) => {
        sourceError = error;
        outgoing.destroy(error);
      });
      // Refused or given up before its end: nobody reads it any more.
      outgoing.once("close", () => stream.destroy());
      stream.pipe(outgoing);
    } else if (request.body !== undefined) outgoing.end(JSON.stringify(request.body));
    else outgoing.end();
    return await promise;
  }

  #open(request: EngineRequest, isHijack: boolean): ClientRequest {
    const { socketPath, host, port, protocol, ca, cert, key, connect, version, timeout } = this.#options;
    const prefix = version === undefined || request.path.startsWith("/longshore/") ? "" : `/${version}`;
    const headers: Record<string, string> = {
      Host: "longshore",
      ...this.#options.headers,
      ...request.headers,
    };
    if (isHijack) Object.assign(headers, { Connection: "Upgrade", Upgrade: "tcp" });
    if (request.stream === undefined && request.body !== undefined)
      headers["Content-Type"] ??= "application/json";
    const common: RequestOptions = {
      method: request.method,
      path: `${prefix}${request.path}${queryString(request.query)}`,
      headers,
      ...(timeout === undefined ? {} : { timeout }),
    };
    if (connect !== undefined)
      return httpRequest({
        ...common,
        createConnection: (_, onCreated) => {
          const opened = connect();
          if (!(opened instanceof Promise)) return opened;
          opened.then(
            (stream) => onCreated(null, stream),
            (error: unknown) => onCreated(asError(error), undefined as never),
          );
          return undefined;
        },
      });
    if (socketPath !== undefined) return httpRequest({ ...common, agent: false, socketPath });
    const isTls = protocol === "https" || cert !== undefined;
    const address = {
      ...common,
      agent: false as const,
      host: host ?? "localhost",
      port: Number(port ?? (isTls ? 2376 : 2375)),
    };
    if (!isTls) return httpRequest(address);
    // Node would check the certificate against the Host header, which names no machine here.
    const servername = isIP(address.host) === 0 ? address.host : "";
    return httpsRequest({ ...address, ca, cert, key, servername });
  }
}

async function refuseErrors(response: IncomingMessage): Promise<IncomingMessage> {
  const status = response.statusCode ?? 0;
  if (status < 400 && status !== 304) return response;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    size += bytes.length;
    if (size > 1024 * 1024) break;
    chunks.push(bytes);
  }
  const { message, json } = messageOf(Buffer.concat(chunks).toString("utf8"));
  throw new DockerError(status, message, json);
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}

/**
 * Options from `DOCKER_HOST` and the usual places; with `DOCKER_TLS_VERIFY` TCP speaks TLS by `{ca,cert,key}.pem` of `DOCKER_CERT_PATH`
 * (`~/.docker`), read here. `ssh://` needs a `connect` of the caller's. Throws DockerError with status 0.
 */
export function optionsFromEnvironment(env: Readonly<Record<string, string | undefined>>): DockerOptions {
  const host = env["DOCKER_HOST"];
  if (host === undefined || host === "") return { socketPath: "/var/run/docker.sock" };
  if (host.startsWith("unix://")) return { socketPath: host.slice("unix://".length) };
  if (host.startsWith("/")) return { socketPath: host };
  const url = new URL(host);
  if (url.protocol === "ssh:") throw new DockerError(0, `"${host}" needs a connect function for ssh`, null);
  const isVerified = (env["DOCKER_TLS_VERIFY"] ?? "") !== "";
  const isTls = isVerified || url.protocol === "https:";
  return {
    host: url.hostname.replaceAll(/[[\]]/g, ""),
    port: url.port === "" ? (isTls ? 2376 : 2375) : url.port,
    protocol: isTls ? "https" : "http",
    ...(isVerified && certificatesIn(env["DOCKER_CERT_PATH"] ?? join(env["HOME"] ?? homedir(), ".docker"))),
  };
}

function certificatesIn(folder: string): Pick<DockerOptions, "ca" | "cert" | "key"> {
  const read = (name: string): Buffer => {
    try {
      return readFileSync(join(folder, name));
    } catch (error) {
      const why = asError(error).message;
      throw new DockerError(0, `DOCKER_TLS_VERIFY wants ${name} in "${folder}": ${why}`, null, {
        cause: error,
      });
    }
  };
  return { ca: read("ca.pem"), cert: read("cert.pem"), key: read("key.pem") };
}
