import type { Readable } from "node:stream";
import type { ContainerStats } from "@longshore/protocol";
import type { Abortable, Callback } from "./call.ts";

export interface LogsOptions extends Abortable {
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly since?: number | string;
  readonly until?: number | string;
  readonly timestamps?: boolean;
  readonly details?: boolean;
  readonly tail?: number | string;
}

type Following = LogsOptions & { readonly follow: true };
type Whole = LogsOptions & { readonly follow?: false };

export interface LogsCall {
  (options: Following): Promise<Readable>;
  (options?: Whole): Promise<Buffer>;
  (options: LogsOptions): Promise<Readable | Buffer>;
  (callback: Callback<Buffer>): void;
  (options: Following, callback: Callback<Readable>): void;
  (options: Whole | undefined, callback: Callback<Buffer>): void;
}

export interface AttachOptions extends Abortable {
  readonly stream?: boolean;
  readonly logs?: boolean;
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly detachKeys?: string;
  /** Accepted for dockerode's callers: the connection is always taken over. */
  readonly hijack?: boolean;
}

export interface StatsOptions extends Abortable {
  readonly stream?: boolean;
  readonly "one-shot"?: boolean;
}

type OneSample = StatsOptions & { readonly stream: false };
type Samples = StatsOptions & { readonly stream?: true };

export interface StatsCall {
  (options: OneSample): Promise<ContainerStats>;
  (options?: Samples): Promise<Readable>;
  (options: StatsOptions): Promise<ContainerStats | Readable>;
  (callback: Callback<Readable>): void;
  (options: OneSample, callback: Callback<ContainerStats>): void;
  (options: Samples | undefined, callback: Callback<Readable>): void;
}

export interface PathOptions extends Abortable {
  readonly path?: string;
}

export interface CommitOptions extends Abortable {
  readonly repo?: string;
  readonly tag?: string;
  readonly comment?: string;
  readonly author?: string;
  readonly pause?: boolean;
  readonly changes?: string | readonly string[];
  /** Fields of the new image's config, such as `Cmd`. */
  readonly [field: string]: unknown;
}

const METHODS = [
  "top",
  "start",
  "commit",
  "stop",
  "pause",
  "unpause",
  "restart",
  "resize",
  "attach",
  "remove",
  "copy",
  "kill",
  "exec",
  "rename",
  "log",
  "stats",
  "getArchive",
  "infoArchive",
  "putArchive",
  "update",
  "wait",
] as const;

export type DefaultOptions = Readonly<Record<(typeof METHODS)[number], Record<string, unknown>>>;

/** Nothing yet for any method. */
export function defaultOptions(): DefaultOptions {
  return Object.fromEntries(METHODS.map((name) => [name, {}])) as DefaultOptions;
}
