import { constants as osConstants } from "node:os";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { errno, isKind, LongshoreError, type Clock, type Logger } from "#kernel";
import { CgroupMoves, linuxCgroups, mountForgottenControllers, mountOverlay, unmount, wallNano } from "#host";
import type { RuntimeDocument } from "#spec";
import type { ExecSpec, ExecTask, ExitStatus, Runtime, StartSpec, Task } from "./contract.ts";
import { ExecOutput } from "./exec-output.ts";
import { knownVersion } from "./known-version.ts";
import { MonitorLost } from "./monitor-connection.ts";
import { MonitorLink } from "./monitor-link.ts";
import { runtimeError } from "./monitor/runtime-error.ts";
import type { ExitRecord, LaunchRequest, TaskRecord } from "./monitor/protocol.ts";
import { RuntimeCommands } from "./runtime-commands.ts";
import { runtimeRefusal } from "./runtime-errors.ts";
import { SeccompFilters } from "./seccomp-filters.ts";
import { LinuxExecTask, LinuxTask } from "./task.ts";

export interface RuntimeDeps {
  readonly stateRoot: string;
  readonly dataRoot: string;
  readonly runtime: { readonly name: string; readonly path: string };
  readonly log: Logger;
  readonly clock: Clock;
}

/** Joins the monitor, where processes may be left. Throws `unavailable` when the OCI runtime or the monitor cannot be run. */
export async function openRuntime(deps: RuntimeDeps, signal: AbortSignal): Promise<Runtime> {
  const log = deps.log.child("runtime");
  const commands = new RuntimeCommands(deps.runtime.path, path.join(deps.stateRoot, "oci"));
  mkdirSync(path.join(deps.stateRoot, "containers"), { recursive: true, mode: 0o711 });
  mkdirSync(path.join(deps.dataRoot, "code-cache"), { recursive: true, mode: 0o700 });
  mkdirSync(path.join(deps.stateRoot, "tty"), { recursive: true, mode: 0o700 });
  let version: string;
  try {
    version = await knownVersion(path.join(deps.stateRoot, "oci-runtime.json"), deps.runtime.path, () =>
      commands.version(signal),
    );
  } catch (error) {
    signal.throwIfAborted();
    throw new LongshoreError(
      "unavailable",
      `OCI runtime "${deps.runtime.path}" cannot be run: install the package crun, or name another with --runtime NAME=/PATH`,
      { cause: error },
    );
  }
  if (deps.runtime.name === "crun") {
    const mounted = mountForgottenControllers();
    if (mounted.length > 0)
      log.info("cgroup controllers mounted for crun", { controllers: mounted.join(" ") });
  }
  return await LinuxRuntime.open(deps, { ...deps.runtime, version }, commands, log, signal);
}

class LinuxRuntime implements Runtime {
  readonly info: Runtime["info"];
  readonly #deps: RuntimeDeps;
  readonly #commands: RuntimeCommands;
  readonly #exits = new Map<string, PromiseWithResolvers<ExitStatus>>();
  readonly #adoptedExecs = new Map<string, ExitStatus>();
  readonly #ours = new Set<string>();
  /** Only crun takes compiled filters. */
  readonly #filters: SeccompFilters | undefined;
  /** Processes that run, as far as we know. */
  readonly #started = new Set<string>();
  readonly #over = new Set<string>();
  readonly #moves = new CgroupMoves();
  #consoleCount = 0;
  #link: MonitorLink | undefined;

  private constructor(deps: RuntimeDeps, info: Runtime["info"], commands: RuntimeCommands) {
    this.#deps = deps;
    this.info = info;
    this.#commands = commands;
    this.#filters = info.name === "crun" ? new SeccompFilters() : undefined;
  }

  static async open(
    deps: RuntimeDeps,
    info: Runtime["info"],
    commands: RuntimeCommands,
    log: Logger,
    signal: AbortSignal,
  ): Promise<LinuxRuntime> {
    const runtime = new LinuxRuntime(deps, info, commands);
    runtime.#link = await MonitorLink.open(
      {
        stateRoot: deps.stateRoot,
        codeCache: path.join(deps.dataRoot, "code-cache"),
        log,
        onExit: (event) => runtime.#ended(event.key, event.exit),
        onRejoin: () => runtime.#catchUp(log),
      },
      signal,
    );
    return runtime;
  }

  /** What happened while no monitor was there. A process that a new monitor doesn't know is lost: nobody may wait for it. */
  async #catchUp(log: Logger): Promise<void> {
    const started = [...this.#started];
    const records = new Map(
      (await this.#monitor.repeat("list", {})).map((record) => [record.launch.key, record]),
    );
    for (const { launch, exit } of records.values()) if (exit !== undefined) this.#ended(launch.key, exit);
    for (const key of started) {
      if (records.has(key) || !this.#started.has(key)) continue;
      log.error("a new monitor does not know a process, its exit code is lost", { key });
      this.#ended(key, { code: 255, atNano: String(wallNano()), isOomKilled: false });
    }
  }

  get #monitor(): MonitorLink {
    if (this.#link === undefined) throw new Error("the runtime is not open");
    return this.#link;
  }

  expect(): void {
    this.#moves.warm();
    this.#monitor.expect();
  }

  async start(spec: StartSpec, signal: AbortSignal): Promise<Task> {
    signal.throwIfAborted();
    const { id } = spec;
    const directory = this.#directory(id);
    const launch = this.#containerLaunch(spec, directory);
    try {
      mkdirSync(path.join(directory, "rootfs"), { recursive: true, mode: 0o711 });
      mountOverlay(spec.root, path.join(directory, "rootfs"));
      const document = this.#filters?.attach(spec.document) ?? spec.document;
      writeFileSync(
        path.join(directory, "config.json"),
        JSON.stringify({
          ...document,
          root: { ...spec.document.root, path: path.join(directory, "rootfs") },
          process: {
            ...spec.document.process,
            terminal: spec.stdio.hasTty,
            ...consoleSize(spec.stdio.size),
          },
        }),
      );
      this.#exits.set(id, Promise.withResolvers());
      const record = await this.#launch(launch, spec.document.process.args[0] ?? "");
      // An abort that comes too late stops the process again: the caller gets no handle of it.
      signal.throwIfAborted();
      this.#filters?.learn(document, path.join(this.#commands.stateOf(spec.id), "seccomp.bpf"));
      return this.#task(record);
    } catch (error) {
      await this.#stopQuietly(id);
      await this.release(id);
      signal.throwIfAborted();
      throw error;
    }
  }

  #containerLaunch(spec: StartSpec, directory: string): LaunchRequest {
    const pidFile = path.join(directory, "pid");
    const errorFile = path.join(directory, "errors");
    const consoleSocket = spec.stdio.hasTty ? this.#consoleSocket() : undefined;
    return {
      key: spec.id,
      directory,
      argv: this.#commands.run({ id: spec.id, bundle: directory, pidFile, errorFile, consoleSocket }),
      env: environment(),
      pidFile,
      errorFile,
      ...(consoleSocket === undefined ? {} : { consoleSocket }),
      ...(spec.stdio.size === undefined ? {} : { size: spec.stdio.size }),
      hasStdin: spec.stdio.hasStdin,
      output: {
        kind: "log",
        directory: spec.logDirectory,
        ...(spec.logLimit !== undefined && { limit: spec.logLimit }),
      },
      cgroupsPath: spec.document.linux.cgroupsPath,
    };
  }

  /** A monitor that dies meanwhile leaves either a process, which the next one reports, or none: then it is tried once more. */
  async #launch(launch: LaunchRequest, program: string): Promise<TaskRecord> {
    for (let attempt = 1; ; attempt++) {
      try {
        return this.#mark(await this.#monitor.call("start", launch));
      } catch (error) {
        const work = launch.key.includes("/") ? "exec" : "create";
        if (isKind(error, "invalid")) throw runtimeRefusal(this.info.name, error.message, program, work);
        if (!(error instanceof MonitorLost)) throw error;
        const records = await this.#monitor.repeat("list", {});
        const mine = records.find((record) => record.launch.key === launch.key);
        if (mine !== undefined) return this.#mark(mine);
        if (attempt === 3)
          throw new LongshoreError("unavailable", `the monitor dies while "${launch.key}" starts`, {
            cause: error,
          });
        if (launch.cgroupsPath !== undefined)
          await this.#monitor.repeat("run", { argv: this.#commands.remove(launch.key), env: environment() });
      }
    }
  }

  #mark(record: TaskRecord): TaskRecord {
    // Its end may have been told faster than its start.
    const { key } = record.launch;
    if (record.exit === undefined && !this.#over.has(key)) this.#started.add(key);
    return record;
  }

  async release(id: string): Promise<void> {
    const directory = this.#directory(id);
    const keys = [id, ...namesIn(path.join(directory, "execs")).map((name) => `${id}/${name}`)];
    const cgroupsPath = configuredCgroup(directory);
    // An empty cgroup means that no process is left: then the runtime's record is all that it would remove.
    if (cgroupsPath !== undefined && linuxCgroups.remove(cgroupsPath))
      rmSync(this.#commands.stateOf(id), { recursive: true, force: true });
    else {
      await this.#monitor.repeat("run", { argv: this.#commands.remove(id), env: environment() });
      if (cgroupsPath !== undefined) linuxCgroups.remove(cgroupsPath);
    }
    await this.#monitor.repeat("forget", { keys });
    for (const key of keys) this.#drop(key);
    unmount(path.join(directory, "rootfs"));
    dropDirectory(directory);
  }

  async #stopQuietly(id: string): Promise<void> {
    const exit = this.#exits.get(id);
    const { isGone } = await this.#monitor.repeat("signal", {
      key: id,
      signalNumber: osConstants.signals.SIGKILL,
    });
    if (!isGone) await exit?.promise;
  }

  async exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecTask> {
    signal.throwIfAborted();
    const key = `${spec.containerId}/${spec.execId}`;
    const directory = path.join(this.#directory(spec.containerId), "execs", spec.execId);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const processFile = path.join(directory, "process.json");
    const document = { ...spec.process, terminal: spec.stdio.hasTty, ...consoleSize(spec.stdio.size) };
    writeFileSync(processFile, JSON.stringify(document));
    const pidFile = path.join(directory, "pid");
    const errorFile = path.join(directory, "errors");
    const consoleSocket = spec.stdio.hasTty ? this.#consoleSocket() : undefined;
    const exit = Promise.withResolvers<ExitStatus>();
    this.#exits.set(key, exit);
    this.#ours.add(key);
    const forget = (): Promise<void> => this.#forgetExec(key);
    const output = spec.isAttached ? ExecOutput.open(directory, spec.stdio.hasTty) : undefined;
    try {
      const record = await this.#launch(
        {
          key,
          directory,
          argv: this.#commands.exec({ id: spec.containerId, processFile, pidFile, errorFile, consoleSocket }),
          env: environment(),
          pidFile,
          errorFile,
          ...(consoleSocket === undefined ? {} : { consoleSocket }),
          ...(spec.stdio.size === undefined ? {} : { size: spec.stdio.size }),
          hasStdin: spec.stdio.hasStdin,
          output: { kind: spec.isAttached ? "fifo" : "discard" },
        },
        spec.process.args[0] ?? "",
      );
      return new LinuxExecTask(record, this.#monitor, exit.promise, output, forget);
    } catch (error) {
      output?.[Symbol.dispose]();
      await forget();
      signal.throwIfAborted();
      throw error;
    }
  }

  async #forgetExec(key: string): Promise<void> {
    await this.#monitor.repeat("forget", { keys: [key] });
    this.#drop(key);
    const [containerId = "", execId = ""] = key.split("/");
    const execs = path.join(this.#directory(containerId), "execs");
    rmSync(path.join(execs, execId), { recursive: true, force: true });
    if (namesIn(execs).length === 0) rmSync(execs, { recursive: true, force: true });
  }

  #drop(key: string): void {
    this.#exits.delete(key);
    for (const set of [this.#ours, this.#started, this.#over]) set.delete(key);
  }

  async update(id: string, resources: RuntimeDocument["linux"]["resources"]): Promise<void> {
    const directory = this.#directory(id);
    const file = path.join(directory, "resources.json");
    const errorFile = path.join(directory, "update-errors");
    writeFileSync(file, JSON.stringify(resources));
    rmSync(errorFile, { force: true });
    const argv = this.#commands.update(id, file, errorFile);
    const { code } = await this.#monitor.repeat("run", { argv, env: environment() });
    if (code === 0) return;
    const why = runtimeError(errorFile, code);
    throw new LongshoreError("invalid", `Cannot update container ${id}: ${this.info.name}: ${why}`);
  }

  async adopt(): Promise<readonly Task[]> {
    if (!this.#monitor.isBegun) return [];
    const tasks: Task[] = [];
    const records = await this.#monitor.repeat("list", {});
    const known = new Set(records.map((record) => record.launch.directory));
    // An exec that an engine prepared and never came to start.
    for (const id of namesIn(this.#directory("."))) {
      const execs = path.join(this.#directory(id), "execs");
      for (const place of namesIn(execs).map((name) => path.join(execs, name)))
        if (!known.has(place)) rmSync(place, { recursive: true, force: true });
      if (namesIn(execs).length === 0) rmSync(execs, { recursive: true, force: true });
    }
    // Execs of an engine before us: whoever read their output is gone.
    const keys = records.filter(({ launch }) => launch.key.includes("/")).map(({ launch }) => launch.key);
    await this.#monitor.repeat("drain", { keys });
    for (const record of records) {
      const { key } = record.launch;
      if (!key.includes("/")) {
        if (!this.#exits.has(key)) this.#exits.set(key, Promise.withResolvers());
        tasks.push(this.#task(this.#mark(record)));
      }
      if (record.exit !== undefined) this.#ended(key, record.exit);
    }
    return tasks;
  }

  adoptedExecs(): ReadonlyMap<string, ExitStatus> {
    return this.#adoptedExecs;
  }

  #task(record: TaskRecord): Task {
    const exit = this.#exits.get(record.launch.key) ?? Promise.withResolvers<ExitStatus>();
    this.#exits.set(record.launch.key, exit);
    if (record.exit !== undefined) exit.resolve(statusOf(record.exit));
    return new LinuxTask(record, this.#monitor, exit.promise);
  }

  #ended(key: string, exit: ExitRecord): void {
    this.#started.delete(key);
    this.#over.add(key);
    const execId = key.split("/")[1];
    if (execId !== undefined && !this.#ours.has(key)) {
      this.#adoptedExecs.set(execId, statusOf(exit));
      void this.#forgetExec(key).catch(() => {}); // at the latest with its container
      return;
    }
    const waiting = this.#exits.get(key) ?? Promise.withResolvers<ExitStatus>();
    this.#exits.set(key, waiting);
    waiting.resolve(statusOf(exit));
  }

  #directory(id: string): string {
    return path.join(this.#deps.stateRoot, "containers", id);
  }

  /** A unix socket's path has 107 bytes at most: it cannot lie below the container's directory. */
  #consoleSocket(): string {
    this.#consoleCount += 1;
    return path.join(this.#deps.stateRoot, "tty", `${process.pid}-${this.#consoleCount}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#moves.settled();
    await this.#link?.[Symbol.asyncDispose]();
  }
}

/** All but a pinned network namespace, which is its room's own; the directory goes with the last thing in it. */
function dropDirectory(directory: string): void {
  for (const name of namesIn(directory)) if (name !== "netns") dropEntry(path.join(directory, name));
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!["ENOENT", "ENOTEMPTY", "EBUSY"].includes(errno(error) ?? "")) throw error;
  }
}

function statusOf(exit: ExitRecord): ExitStatus {
  return { code: exit.code, atNano: BigInt(exit.atNano), isOomKilled: exit.isOomKilled };
}

function consoleSize(size: StartSpec["stdio"]["size"]): { consoleSize?: { height: number; width: number } } {
  return size === undefined ? {} : { consoleSize: { height: size[0], width: size[1] } };
}

/** Nearly all are plain files, for which rmSync costs several calls. */
function dropEntry(place: string): void {
  try {
    unlinkSync(place);
  } catch (error) {
    if (errno(error) !== "ENOENT") rmSync(place, { recursive: true, force: true });
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errno(error) === "ENOENT") return [];
    throw error;
  }
}

function configuredCgroup(directory: string): string | undefined {
  try {
    const document = JSON.parse(readFileSync(path.join(directory, "config.json"), "utf8")) as RuntimeDocument;
    return document.linux.cgroupsPath;
  } catch {
    return undefined;
  }
}

function environment(): string[] {
  return [`PATH=${process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin"}`, "LANG=C.UTF-8"];
}
