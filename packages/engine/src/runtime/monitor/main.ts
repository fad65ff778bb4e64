import { closeSync, ftruncateSync, globSync, openSync, rmSync, writeSync } from "node:fs";
import { flushCompileCache } from "node:module";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { messageOf } from "#kernel";
import { becomeSubreaper, closeOnExec, lockFile, signalWhenWriterless, spawnProcess } from "#host";
import { FdStore } from "./fd-store.ts";
import { endHolders, type Holder, otherHolders, ownHolder } from "./holders.ts";
import { sweepOrphans } from "./orphans.ts";
import { childEnd } from "./process-end.ts";
import {
  MONITOR_PROTOCOL_VERSION,
  type ExitRecord,
  type MonitorCalls,
  type MonitorMethod,
  type MonitorRequest,
} from "./protocol.ts";
import { Supervised, TASK_FILE, type Surroundings } from "./supervised.ts";
import { Watcher } from "./watcher.ts";

/** Without an engine and without a running process for this long the monitor ends: all it knows is on disk. */
const USELESS_MS = 30_000;

/** The monitor: child of the holder that an engine started, one per STATE_ROOT, it outlives engines. */
class Monitor {
  readonly #directory: string;
  readonly #watcher = new Watcher();
  readonly #holder: Holder;
  readonly #store: FdStore;
  readonly #tasks = new Map<string, Supervised>();
  readonly #engines = new Set<net.Socket>();
  readonly #around: Surroundings;
  #launches = 0;
  #uselessTimer: NodeJS.Timeout | undefined;

  constructor(stateRoot: string, holder: Holder) {
    this.#directory = path.join(stateRoot, "monitor");
    this.#holder = holder;
    this.#store = new FdStore(holder.ends);
    this.#around = {
      watcher: this.#watcher,
      store: this.#store,
      onExit: (key, exit) => this.#announce(key, exit),
    };
  }

  async run(stateRoot: string): Promise<void> {
    const loop = this.#watcher.run();
    const others = otherHolders(this.#directory, this.#holder.pid);
    // From now on our holder may have the only copy of something.
    if (others.length > 0) signalWhenWriterless(this.#holder.switchReader, this.#holder.pid, false);
    for (const { ends, switchReader } of others) {
      this.#store.inherit(ends);
      for (const fd of [...ends, switchReader]) closeSync(fd);
    }
    const kept = this.#store.restore();
    const found = globSync(
      [`containers/*/${TASK_FILE}`, `containers/*/execs/*/${TASK_FILE}`].map((p) => path.join(stateRoot, p)),
    );
    const failed = new Set<string>();
    await Promise.all(found.map((file) => this.#adopt(path.dirname(file), kept, failed)));
    for (const [key, fds] of kept) {
      if (this.#tasks.has(key) || failed.has(key)) continue;
      for (const fd of fds.values()) closeSync(fd);
      this.#store.drop(key);
    }
    for (const left of globSync(path.join(this.#directory, "{switch-*,holders/*.new}")))
      rmSync(left, { force: true });
    const socket = path.join(this.#directory, "monitor.sock");
    rmSync(socket, { force: true });
    const server = net.createServer((connection) => this.#serve(connection));
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    this.#weigh();
    // All that the holders before ours kept, exit codes too, is taken over.
    endHolders(this.#directory, this.#holder.pid);
    flushCompileCache(); // Node does it at a polite exit, which is not ours
    await loop;
  }

  /** While processes run, the holder must outlive us; when none does, nothing of us may stay behind. */
  #weigh(): void {
    const isNeeded = this.#launches > 0 || [...this.#tasks.values()].some((task) => task.isRunning);
    signalWhenWriterless(this.#holder.switchReader, this.#holder.pid, !isNeeded);
    clearTimeout(this.#uselessTimer);
    if (!isNeeded && this.#engines.size === 0) this.#uselessTimer = setTimeout(endNow, USELESS_MS);
  }

  async #adopt(
    directory: string,
    kept: ReadonlyMap<string, ReadonlyMap<string, number>>,
    failed: Set<string>,
  ): Promise<void> {
    const exec = /containers\/([^/]+)\/execs\/([^/]+)$/.exec(directory);
    const key = exec === null ? path.basename(directory) : `${exec[1]}/${exec[2]}`;
    try {
      const task = await Supervised.adopt(this.#around, directory, kept.get(key) ?? new Map());
      if (task !== undefined) this.#tasks.set(key, task);
    } catch (error) {
      failed.add(key);
      process.stderr.write(`cannot adopt ${key}: ${messageOf(error)}\n`);
    }
  }

  #announce(key: string, exit: ExitRecord): void {
    setImmediate(() => this.#weigh());
    const line = `${JSON.stringify({ event: "exit", key, exit })}\n`;
    for (const engine of this.#engines) engine.write(line);
  }

  #serve(connection: net.Socket): void {
    this.#engines.add(connection);
    this.#weigh();
    connection.on("error", () => {}); // "close" follows
    connection.on("close", () => {
      this.#engines.delete(connection);
      if (this.#engines.size === 0) for (const task of this.#tasks.values()) task.drain();
      this.#weigh();
    });
    const lines = createInterface({ input: connection });
    lines.on("error", () => {}); // it repeats the connection's errors; unheard they would end us
    lines.on("line", (line) => {
      const request = JSON.parse(line) as MonitorRequest;
      void this.#answer(request).then((answer) => {
        connection.write(`${JSON.stringify({ id: request.id, ...answer })}\n`);
      });
    });
  }

  async #answer(request: MonitorRequest): Promise<{ result: unknown } | { error: string }> {
    try {
      return { result: await this.#perform(request) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  }

  async #perform(request: MonitorRequest): Promise<MonitorCalls[MonitorMethod]["result"]> {
    switch (request.method) {
      case "hello":
        return { version: MONITOR_PROTOCOL_VERSION, pid: process.pid };
      case "retire": {
        const isIdle = this.#tasks.size === 0;
        if (request.params.onlyWhenIdle && !isIdle) return { isLeaving: false };
        setImmediate(endNow);
        return { isLeaving: true };
      }
      case "start": {
        this.#launches += 1;
        this.#weigh();
        try {
          const task = await Supervised.launch(this.#around, request.params);
          this.#tasks.set(request.params.key, task);
          if (this.#engines.size === 0) task.drain();
          return task.record;
        } finally {
          this.#launches -= 1;
          this.#weigh();
        }
      }
      case "list":
        return [...this.#tasks.values()].map((task) => task.record);
      case "signal":
        return { isGone: this.#tasks.get(request.params.key)?.signal(request.params.signalNumber) !== true };
      case "resize":
        this.#tasks.get(request.params.key)?.resize(request.params.rows, request.params.columns);
        return {};
      case "closeStdin":
        this.#tasks.get(request.params.key)?.closeStdin();
        return {};
      case "drain":
        for (const key of request.params.keys) this.#tasks.get(key)?.drain();
        return {};
      case "forget":
        for (const key of request.params.keys) {
          const task = this.#tasks.get(key);
          if (task?.isRunning !== false) continue;
          task.forget();
          this.#tasks.delete(key);
        }
        return {};
      case "run":
        return { code: await this.#runCommand(request.params.argv, request.params.env) };
    }
  }

  async #runCommand(argv: readonly string[], env: readonly string[]): Promise<number> {
    const nothing = openSync("/dev/null", "r+");
    const pid = spawnProcess({ path: argv[0] ?? "", argv, env, fds: [nothing, nothing, nothing] });
    closeSync(nothing);
    return await childEnd(this.#watcher, pid);
  }
}

/** A thread of ours sits in epoll_wait: a polite exit, also that of an uncaught error, would wait for it for ever. */
function endNow(): void {
  process.kill(process.pid, "SIGKILL");
}

/** Only one monitor may write the logs: the lock goes with the process. */
async function lockOrGiveUp(directory: string): Promise<void> {
  const fd = openSync(path.join(directory, "lock"), "a", 0o600);
  for (let attempt = 0; !lockFile(fd); attempt++) {
    if (attempt === 500) throw new Error(`another monitor serves "${directory}"`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  ftruncateSync(fd);
  writeSync(fd, String(process.pid)); // for an engine to which this monitor doesn't answer
}

/** Open as long as we live, never used: the engine's end of a pipe and the writer of the holder's switch. */
const LIFE_FDS = [3, 4];

const stateRoot = process.argv[2] ?? "";
const directory = path.join(stateRoot, "monitor");
closeOnExec(LIFE_FDS);
becomeSubreaper();
process.on("SIGCHLD", () => setImmediate(sweepOrphans));
process.on("uncaughtException", (error) => {
  process.stderr.write(`monitor fails: ${error.stack ?? error.message}\n`);
  endNow();
});
process.on("SIGHUP", () => {});
process.on("SIGINT", () => {});
await lockOrGiveUp(directory);
await new Monitor(stateRoot, await ownHolder(directory)).run(stateRoot);
