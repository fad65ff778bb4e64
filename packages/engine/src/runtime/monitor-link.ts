import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { LongshoreError, TaskOwner, unlessAborted, type Logger } from "#kernel";
import {
  MONITOR_PROTOCOL_VERSION,
  type ExitEvent,
  type MonitorCalls,
  type MonitorMessage,
  type MonitorMethod,
} from "./monitor/protocol.ts";

const CONNECT_ATTEMPTS = 1000;
const CONNECT_PAUSE_MS = 10;

/** The call may or may not have been performed: the monitor died over it. */
export class MonitorLost extends Error {
  override readonly name: string = "MonitorLost";
}

interface Connection {
  readonly socket: net.Socket;
  readonly pid: number;
}

/** The engine's end of the monitor: starts or joins it, brings it back at once when it dies. */
export class MonitorLink implements AsyncDisposable {
  readonly #stateRoot: string;
  readonly #log: Logger;
  readonly #owner: TaskOwner;
  readonly #onExit: (event: ExitEvent) => void;
  readonly #onRejoin: () => Promise<void>;
  readonly #pending = new Map<
    number,
    { resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();
  #connection: Promise<Connection>;
  #lastId = 0;
  #isLeaving = false;

  private constructor(
    stateRoot: string,
    log: Logger,
    onExit: (event: ExitEvent) => void,
    onRejoin: () => Promise<void>,
  ) {
    this.#stateRoot = stateRoot;
    this.#log = log;
    this.#owner = new TaskOwner(log);
    this.#onExit = onExit;
    this.#onRejoin = onRejoin;
    this.#connection = this.#join(this.#owner.signal);
    this.#connection.catch(() => {}); // open() and every call report it
  }

  /** `onRejoin` runs after a new monitor took over: events of the time between are to be asked for. */
  static async open(
    options: {
      stateRoot: string;
      log: Logger;
      onExit: (event: ExitEvent) => void;
      onRejoin: () => Promise<void>;
    },
    signal: AbortSignal,
  ): Promise<MonitorLink> {
    const { stateRoot, log, onExit, onRejoin } = options;
    mkdirSync(path.join(stateRoot, "monitor"), { recursive: true, mode: 0o700 });
    const link = new MonitorLink(stateRoot, log, onExit, onRejoin);
    try {
      await unlessAborted(link.#connection, signal);
      return link;
    } catch (error) {
      await link[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Pid of the monitor that serves now. */
  async pid(): Promise<number> {
    return (await this.#connection).pid;
  }

  /** Throws MonitorLost when the monitor died before it answered, LongshoreError `invalid` with its sentence when it refused. */
  async call<M extends MonitorMethod>(
    method: M,
    params: MonitorCalls[M]["params"],
  ): Promise<MonitorCalls[M]["result"]> {
    const { socket } = await this.#connection;
    return (await this.#send(socket, method, params)) as MonitorCalls[M]["result"];
  }

  /** As call(), again after a lost monitor: only for calls that may be performed twice. */
  async repeat<M extends MonitorMethod>(
    method: M,
    params: MonitorCalls[M]["params"],
  ): Promise<MonitorCalls[M]["result"]> {
    for (;;) {
      try {
        return await this.call(method, params);
      } catch (error) {
        if (!(error instanceof MonitorLost) || this.#isLeaving) throw error;
      }
    }
  }

  async #send(socket: net.Socket, method: MonitorMethod, params: unknown): Promise<unknown> {
    if (socket.destroyed) throw new MonitorLost(`the monitor died before "${method}"`);
    const id = ++this.#lastId;
    return await new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  /** Connects to a monitor of our version, started or replaced when needed. */
  async #join(signal: AbortSignal): Promise<Connection> {
    let isStarted = false;
    for (let attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
      signal.throwIfAborted();
      const socket = await connect(path.join(this.#stateRoot, "monitor", "monitor.sock"));
      if (socket === undefined) {
        if (!isStarted)
          this.#startMonitor(() => {
            isStarted = false; // it died before it served
          });
        isStarted = true;
        await delay(CONNECT_PAUSE_MS, undefined, { signal });
        continue;
      }
      this.#listen(socket);
      const hello = (await this.#send(socket, "hello", {}).catch(() => undefined)) as
        | MonitorCalls["hello"]["result"]
        | undefined;
      if (hello === undefined) continue;
      if (hello.version === MONITOR_PROTOCOL_VERSION) {
        this.#watch(socket);
        return { socket, pid: hello.pid };
      }
      this.#log.info("monitor of another version is replaced", { version: hello.version });
      await this.#send(socket, "retire", { onlyWhenIdle: false }).catch(() => {});
      socket.destroy();
      isStarted = false;
    }
    throw new LongshoreError("unavailable", `the monitor of "${this.#stateRoot}" does not answer`);
  }

  #listen(socket: net.Socket): void {
    const mine = this.#pending;
    const lines = createInterface({ input: socket });
    lines.on("error", () => {}); // it repeats the socket's errors (ECONNRESET when the monitor is killed)
    lines.on("line", (line) => {
      const message = JSON.parse(line) as MonitorMessage;
      if ("event" in message) {
        this.#onExit(message);
        return;
      }
      const waiting = mine.get(message.id);
      mine.delete(message.id);
      if ("error" in message) waiting?.reject(new LongshoreError("invalid", message.error));
      else waiting?.resolve(message.result);
    });
    socket.on("close", () => {
      for (const waiting of mine.values()) waiting.reject(new MonitorLost("the monitor died"));
      mine.clear();
    });
  }

  #watch(socket: net.Socket): void {
    socket.on("close", () => {
      if (this.#isLeaving) return;
      this.#log.warn("monitor died, a new one takes over");
      this.#connection = this.#join(this.#owner.signal);
      const joined = this.#connection;
      this.#owner.run("rejoin the monitor", async () => {
        await joined;
        await this.#onRejoin();
      });
    });
  }

  #startMonitor(onEnd: () => void): void {
    const errors = openSync(path.join(this.#stateRoot, "monitor", "monitor.log"), "a", 0o600);
    // From the beginning in a session of its own, so that nothing sent to the engine's group reaches it.
    const child = spawn(process.execPath, [fileURLToPath(monitorProgram()), this.#stateRoot], {
      detached: true,
      stdio: ["ignore", "ignore", errors],
      cwd: "/",
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", UV_THREADPOOL_SIZE: "2" },
    });
    closeSync(errors);
    child.on("error", (error) => this.#log.error("monitor cannot be started", { error }));
    child.on("exit", onEnd);
    child.unref();
  }

  /** Leaves the monitor alone with its processes; without any it ends. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    const connection = await this.#connection.catch(() => undefined);
    if (connection !== undefined)
      await this.#send(connection.socket, "retire", { onlyWhenIdle: true }).catch(() => {});
    connection?.socket.destroy();
    await this.#owner[Symbol.asyncDispose]();
  }
}

/** Beside this file in the sources, beside the bundle when built. */
function monitorProgram(): URL {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`./monitor/main.${extension}`, import.meta.url);
}

async function connect(file: string): Promise<net.Socket | undefined> {
  const socket = net.connect(file);
  return await new Promise((resolve) => {
    socket.once("connect", () => {
      socket.on("error", () => {}); // "close" follows
      resolve(socket);
    });
    socket.once("error", () => resolve(undefined));
  });
}
