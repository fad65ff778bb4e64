import { createReadStream } from "node:fs";
import { resolve } from "node:path";
import { Readable } from "node:stream";
import type { Abortable } from "./call.ts";
import { registryAuth, registryConfig } from "./credentials.ts";
import type { EngineRequest } from "./transport.ts";

/** One method and path of the API, and where the options of a call to it go. */
export interface Endpoint {
  readonly method: "GET" | "HEAD" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** "query" when absent. A list: those words in the query, the rest in the body. */
  readonly takes?: "query" | "body" | readonly string[];
  /** What holds unless a call says otherwise. */
  readonly defaults?: object | undefined;
}

/** A tar: a path of this machine, its bytes, or a stream of them. */
export type Archive = string | Buffer | Readable;

interface Options extends Abortable {
  readonly authconfig?: object;
  readonly registryconfig?: object;
}

/** What to send for a call: credentials in headers, never in the query; `_query` and `_body` as they are. */
export function requestOf(endpoint: Endpoint, options: object, archive?: Archive): EngineRequest {
  const { abortSignal, authconfig, registryconfig, _query, _body, ...own }: Options = {
    ...endpoint.defaults,
    ...options,
  };
  const takes = endpoint.takes ?? "query";
  const inQuery = (word: string): boolean => takes === "query" || (takes !== "body" && takes.includes(word));
  const pick = (wanted: boolean): Record<string, unknown> =>
    Object.fromEntries(Object.entries(own).filter(([word]) => inQuery(word) === wanted));
  const body = _body ?? (takes === "query" ? undefined : Array.isArray(options) ? options : pick(false));
  return {
    method: endpoint.method,
    path: endpoint.path,
    query: _query ?? (Array.isArray(options) ? {} : pick(true)),
    headers: {
      ...(authconfig === undefined ? {} : registryAuth(authconfig)),
      ...(registryconfig === undefined ? {} : registryConfig(registryconfig)),
      ...(archive === undefined ? {} : { "Content-Type": "application/x-tar" }),
    },
    ...(archive === undefined ? { body } : { stream: streamOf(archive) }),
    signal: abortSignal,
  };
}

function streamOf(archive: Archive): Readable {
  if (typeof archive === "string") return createReadStream(resolve(archive));
  return Buffer.isBuffer(archive) ? Readable.from([archive]) : archive;
}
