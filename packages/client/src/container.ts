import type { IncomingMessage } from "node:http";
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
import { call, callWith, type Abortable, type Call, type CallWith } from "./call.ts";
import type { Caller } from "./caller.ts";
import {
  defaultOptions,
  type AttachOptions,
  type CommitOptions,
  type DefaultOptions,
  type LogsCall,
  type LogsOptions,
  type PathOptions,
  type StatsCall,
  type StatsOptions,
} from "./container-options.ts";
import { requestOf, type Archive, type Endpoint } from "./endpoint.ts";
import { Exec } from "./exec.ts";
import type { Modem } from "./modem.ts";

/** A container by id or name; nothing is asked until a method is called. */
export class Container {
  readonly id: string;
  readonly modem: Modem;
  /** Options that hold for every later call of the method (`log` for logs), unless the call says otherwise. */
  readonly defaultOptions: DefaultOptions = defaultOptions();
  readonly inspect: Call<Abortable & { readonly size?: boolean }, ContainerInspect>;
  readonly start: Call<Abortable & { readonly detachKeys?: string; readonly checkpoint?: string }, null>;
  readonly stop: Call<Abortable & { readonly t?: number; readonly signal?: string }, null>;
  readonly restart: Call<Abortable & { readonly t?: number; readonly signal?: string }, null>;
  readonly kill: Call<Abortable & { readonly signal?: string | number }, null>;
  readonly pause: Call<Abortable, null>;
  readonly unpause: Call<Abortable, null>;
  readonly rename: Call<Abortable & { readonly name?: string }, null>;
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
  readonly resize: Call<Abortable & { readonly h?: number; readonly w?: number }, null>;
  /** A stream with `follow`, else the bytes. */
  readonly logs: LogsCall;
  readonly attach: Call<AttachOptions, Duplex>;
  /** A stream of samples; one sample with `stream: false`. */
  readonly stats: StatsCall;
  readonly exec: Call<Abortable & CreateExecRequest, Exec>;
  readonly export: Call<Abortable, Readable>;
  readonly commit: Call<CommitOptions, { readonly Id: string }>;
  readonly getArchive: Call<PathOptions, IncomingMessage>;
  /** The answer's head says what is there, in `x-docker-container-path-stat`; `archiveStat` reads it. */
  readonly infoArchive: Call<PathOptions, IncomingMessage>;
  readonly archiveStat: Call<PathOptions, ArchiveStat>;
  /** Unpacks a tar into `path` of the container. */
  readonly putArchive: CallWith<
    Archive,
    PathOptions & {
      readonly noOverwriteDirNonDir?: boolean | string;
      readonly copyUIDGID?: boolean | string;
    },
    null
  >;
  /** Answers 404 since API 1.24; named in dockerode still. */
  readonly copy: Call<Abortable & { readonly Resource?: string }, IncomingMessage>;
  readonly listCheckpoint: Call<Abortable & { readonly dir?: string }, readonly { readonly Name: string }[]>;
  readonly createCheckpoint: Call<
    Abortable & {
      readonly checkpointID?: string;
      readonly checkpointDir?: string;
      readonly exit?: boolean;
    },
    null
  >;
  readonly deleteCheckpoint: CallWith<string, Abortable & { readonly dir?: string }, null>;
  readonly #caller: Caller;
  readonly #path: string;

  constructor(caller: Caller, id: string) {
    this.id = id;
    this.modem = caller.modem;
    this.#caller = caller;
    const path = `/containers/${encodeURIComponent(id)}`;
    this.#path = path;
    const { defaultOptions: all } = this;
    const post = (name: keyof DefaultOptions): Endpoint => ({
      method: "POST",
      path: `${path}/${name}`,
      defaults: all[name],
    });
    const get = (suffix: string, defaults?: object): Endpoint => ({
      method: "GET",
      path: `${path}/${suffix}`,
      defaults,
    });
    this.inspect = caller.json(get("json"));
    this.start = caller.json(post("start"));
    this.stop = caller.json(post("stop"));
    this.restart = caller.json(post("restart"));
    this.kill = caller.json(post("kill"));
    this.pause = caller.json(post("pause"));
    this.unpause = caller.json(post("unpause"));
    this.rename = caller.json(post("rename"));
    this.wait = caller.json(post("wait"));
    this.resize = caller.json(post("resize"));
    this.update = caller.json({ ...post("update"), takes: "body" });
    this.copy = caller.stream({ ...post("copy"), takes: "body" });
    this.top = caller.json(get("top", all.top));
    this.changes = caller.json(get("changes"));
    this.export = caller.stream(get("export"));
    this.remove = caller.json({ method: "DELETE", path, defaults: all.remove });
    this.logs = call<LogsOptions, Buffer | Readable>((options) =>
      (options.follow ?? all.log.follow) === true
        ? caller.open(get("logs", all.log), options)
        : caller.bytes(get("logs", all.log), options),
    ) as LogsCall;
    this.stats = call<StatsOptions, ContainerStats | Readable>((options) =>
      (options.stream ?? all.stats.stream) === false
        ? caller.ask<ContainerStats>(get("stats", all.stats), options)
        : caller.open(get("stats", all.stats), options),
    ) as StatsCall;
    this.attach = call(({ hijack: _hijack, ...options }) =>
      caller.transport.hijack(requestOf(post("attach"), options)),
    );
    this.exec = call(async (options) => {
      const { Id } = await caller.ask<{ Id: string }>({ ...post("exec"), takes: "body" }, options);
      return new Exec(caller, Id);
    });
    this.commit = call((options) =>
      caller.ask(
        { method: "POST", path: "/commit", takes: COMMIT_QUERY, defaults: { ...all.commit, container: id } },
        options,
      ),
    );
    this.getArchive = caller.stream(get("archive", all.getArchive));
    const head: Endpoint = { method: "HEAD", path: `${path}/archive`, defaults: all.infoArchive };
    this.infoArchive = caller.stream(head);
    this.archiveStat = call(async (options) => {
      const response = await caller.open(head, options);
      response.resume();
      const header = response.headers["x-docker-container-path-stat"];
      return JSON.parse(Buffer.from(String(header), "base64").toString("utf8")) as ArchiveStat;
    });
    this.putArchive = callWith((file, options) =>
      caller.ask<null>({ method: "PUT", path: `${path}/archive`, defaults: all.putArchive }, options, file),
    );
    this.listCheckpoint = caller.json(get("checkpoints"));
    this.createCheckpoint = caller.json({ method: "POST", path: `${path}/checkpoints`, takes: "body" });
    this.deleteCheckpoint = callWith((name, options) =>
      caller.ask<null>(
        { method: "DELETE", path: `${path}/checkpoints/${encodeURIComponent(name)}` },
        options,
      ),
    );
  }

  /** The counters as they are now; nothing but the time is in them when the container doesn't run. Source: API 1.41, one-shot. */
  async counters(signal: AbortSignal): Promise<Partial<ContainerStats>> {
    return await this.#caller.ask<Partial<ContainerStats>>(
      { method: "GET", path: `${this.#path}/stats` },
      { stream: false, "one-shot": true, abortSignal: signal },
    );
  }
}

/** All else that a commit is given is the new image's config. Source: Docker Engine API, ImageCommit. */
const COMMIT_QUERY = ["container", "repo", "tag", "comment", "author", "pause", "changes"];
