import type { Duplex, Readable } from "node:stream";
import type {
  ArchiveStat,
  ContainerChange,
  ContainerInspect,
  ContainerStats,
  CreateExecRequest,
  HostConfig,
  ProcessList,
} from "@longshore/protocol";
import { call, type Abortable, type Call } from "./call.ts";
import { Exec } from "./exec.ts";
import type { Transport } from "./transport.ts";

export interface LogsOptions extends Abortable {
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly since?: number | string;
  readonly until?: number | string;
  readonly timestamps?: boolean;
  readonly tail?: number | "all";
}

export interface AttachOptions extends Abortable {
  readonly stream?: boolean;
  readonly logs?: boolean;
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly detachKeys?: string;
}

/** A container by id or name; nothing is asked until a method is called. */
export class Container {
  readonly id: string;
  readonly inspect: Call<Abortable & { readonly size?: boolean }, ContainerInspect>;
  readonly start: Call<Abortable & { readonly detachKeys?: string }, null>;
  readonly stop: Call<Abortable & { readonly t?: number; readonly signal?: string }, null>;
  readonly restart: Call<Abortable & { readonly t?: number }, null>;
  readonly kill: Call<Abortable & { readonly signal?: string | number }, null>;
  readonly pause: Call<Abortable, null>;
  readonly unpause: Call<Abortable, null>;
  readonly rename: Call<Abortable & { readonly name: string }, null>;
  readonly remove: Call<
    Abortable & { readonly force?: boolean; readonly v?: boolean; readonly link?: boolean },
    null
  >;
  readonly wait: Call<
    Abortable & { readonly condition?: string },
    { readonly StatusCode: number; readonly Error?: { readonly Message: string } | null }
  >;
  readonly top: Call<Abortable & { readonly ps_args?: string }, ProcessList>;
  readonly changes: Call<Abortable, readonly ContainerChange[] | null>;
  readonly update: Call<Abortable & HostConfig, { readonly Warnings: readonly string[] | null }>;
  readonly resize: Call<Abortable & { readonly h: number; readonly w: number }, null>;
  readonly logs: Call<LogsOptions, Readable>;
  readonly attach: Call<AttachOptions, Duplex>;
  readonly stats: Call<Abortable & { readonly stream?: boolean; readonly "one-shot"?: boolean }, Readable>;
  readonly exec: Call<Abortable & CreateExecRequest, Exec>;
  readonly export: Call<Abortable, Readable>;
  readonly getArchive: Call<Abortable & { readonly path: string }, Readable>;
  readonly infoArchive: Call<Abortable & { readonly path: string }, ArchiveStat>;
  readonly commit: Call<
    Abortable & {
      readonly repo?: string;
      readonly tag?: string;
      readonly comment?: string;
      readonly author?: string;
      readonly pause?: boolean;
      readonly changes?: readonly string[];
    },
    { readonly Id: string }
  >;

  readonly #transport: Transport;

  constructor(transport: Transport, id: string) {
    this.id = id;
    this.#transport = transport;
    const path = `/containers/${encodeURIComponent(id)}`;
    const post =
      <O extends Abortable, T>(suffix: string): ((options: O) => Promise<T>) =>
      ({ abortSignal, ...query }: O) =>
        transport.json<T>({ method: "POST", path: `${path}/${suffix}`, query, signal: abortSignal });
    const get =
      <O extends Abortable, T>(suffix: string): ((options: O) => Promise<T>) =>
      ({ abortSignal, ...query }: O) =>
        transport.json<T>({ method: "GET", path: `${path}/${suffix}`, query, signal: abortSignal });
    const stream =
      <O extends Abortable>(suffix: string): ((options: O) => Promise<Readable>) =>
      ({ abortSignal, ...query }: O) =>
        transport.stream({ method: "GET", path: `${path}/${suffix}`, query, signal: abortSignal });
    this.inspect = call(get("json"));
    this.start = call(post("start"));
    this.stop = call(post("stop"));
    this.restart = call(post("restart"));
    this.kill = call(post("kill"));
    this.pause = call(post("pause"));
    this.unpause = call(post("unpause"));
    this.rename = call(post("rename"));
    this.wait = call(post("wait"));
    this.resize = call(post("resize"));
    this.top = call(get("top"));
    this.changes = call(get("changes"));
    this.logs = call(stream("logs"));
    this.stats = call(stream("stats"));
    this.export = call(stream("export"));
    this.getArchive = call(stream("archive"));
    this.infoArchive = call(async ({ abortSignal, ...query }) => {
      const response = await transport.stream({
        method: "HEAD",
        path: `${path}/archive`,
        query,
        signal: abortSignal,
      });
      response.resume();
      const header = response.headers["x-docker-container-path-stat"];
      return JSON.parse(Buffer.from(String(header), "base64").toString("utf8")) as ArchiveStat;
    });
    this.remove = call(({ abortSignal, ...query }) =>
      transport.json<null>({ method: "DELETE", path, query, signal: abortSignal }),
    );
    this.update = call(({ abortSignal, ...body }) =>
      transport.json({ method: "POST", path: `${path}/update`, body, signal: abortSignal }),
    );
    this.attach = call(({ abortSignal, ...query }) =>
      transport.hijack({ method: "POST", path: `${path}/attach`, query, signal: abortSignal }),
    );
    this.exec = call(async (options) => {
      const { abortSignal, ...body } = options;
      const { Id } = await transport.json<{ Id: string }>({
        method: "POST",
        path: `${path}/exec`,
        body,
        signal: abortSignal,
      });
      return new Exec(transport, Id);
    });
    this.commit = call(({ abortSignal, ...query }) =>
      transport.json({
        method: "POST",
        path: "/commit",
        query: { container: id, ...query },
        body: {},
        signal: abortSignal,
      }),
    );
  }

  /** Unpacks a tar (of a stream) into `path` of the container. */
  async putArchive(
    source: Readable,
    options: Abortable & { readonly path: string; readonly noOverwriteDirNonDir?: boolean },
  ): Promise<null> {
    const { abortSignal, ...query } = options;
    return await this.#transport.json<null>({
      method: "PUT",
      path: `/containers/${encodeURIComponent(this.id)}/archive`,
      query,
      stream: source,
      headers: { "Content-Type": "application/x-tar" },
      signal: abortSignal,
    });
  }

  /** The counters as they are now; nothing but the time is in them when the container doesn't run. Source: API 1.41, one-shot. */
  async counters(signal: AbortSignal): Promise<Partial<ContainerStats>> {
    return await this.#transport.json<Partial<ContainerStats>>({
      method: "GET",
      path: `/containers/${encodeURIComponent(this.id)}/stats`,
      query: { stream: false, "one-shot": true },
      signal,
    });
  }
}
