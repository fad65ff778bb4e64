import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from "node:fs";
import type net from "node:net";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as delay } from "node:timers/promises";
import { makeFifo } from "#host";
import { errno, LongshoreError, TaskOwner, unlessAborted, type Logger, programBeside } from "#kernel";
import { MonitorConnection, MonitorLost } from "./monitor-connection.ts";
import { holderPids } from "./monitor/holders.ts";
import {
  MONITOR_PROTOCOL_VERSION,
  type ExitEvent,
  type MonitorCalls,
  type MonitorMethod,
} from "./monitor/protocol.ts";

const SOCKET = "monitor.sock";
const CONNECT_ATTEMPTS = 1000;
const CONNECT_PAUSE_MS = 10;
/** After this many attempts a monitor that lives, yet doesn't listen, is ended. */
const PATIENT_ATTEMPTS = 800;
const AGAIN_MS = 1_000;
const RETIRE_LIMIT_MS = 500;

export interface MonitorLinkOptions {
  readonly stateRoot: string;
  /** Folder for compiled code of the monitor, writable for us alone. */
  readonly codeCache: string;
  readonly log: Logger;
  readonly onExit: (event: ExitEvent) => void;
  /** Runs after a new monitor took over: events of the time between are to be asked for. */
  readonly onRejoin: () => Promise<void>;
}

interface Joined {
  readonly connection: MonitorConnection;
  readonly pid: number;
}

/**
 * The engine's end of the monitor: joins the one that serves, brings it back at once when it dies or is stuck. Where no process of
 * an engine before us can be left, it is started by the first call, or by expect().
 */
export class MonitorLink implements AsyncDisposable {
  readonly #options: MonitorLinkOptions;
  readonly #log: Logger;
  readonly #owner: TaskOwner;
  #joined: Promise<Joined> | undefined;
  #startCount = 0;

  private constructor(options: MonitorLinkOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#owner = new TaskOwner(options.log);
  }

  static async open(options: MonitorLinkOptions, signal: AbortSignal): Promise<MonitorLink> {
    mkdirSync(path.join(options.stateRoot, "monitor"), { recursive: true, mode: 0o700 });
    const link = new MonitorLink(options);
    try {
      if (await link.#isAnyoneLeft()) await unlessAborted(link.#join(), signal);
      return link;
    } catch (error) {
      await link[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Pid of the monitor that serves now. */
  async pid(): Promise<number> {
    return (await this.#join()).pid;
  }

  /** False as long as there was nothing to ask a monitor for. */
  get isBegun(): boolean {
    return this.#joined !== undefined;
  }

  /** A process will be started soon: a monitor may start meanwhile. */
  expect(): void {
    this.#join().catch(() => {}); // every call reports it
  }

  /**
   * Throws MonitorLost when the monitor died before it answered, LongshoreError `invalid` with its sentence when it refused,
   * `unavailable` when no monitor can be brought back.
   */
  async call<M extends MonitorMethod>(
    method: M,
    params: MonitorCalls[M]["params"],
  ): Promise<MonitorCalls[M]["result"]> {
    const { connection } = await this.#join();
    return await connection.send(method, params);
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
        if (!(error instanceof MonitorLost) || this.#owner.signal.aborted) throw error;
      }
    }
  }

  /** True when a monitor serves, or when one before us had processes or a holder that a new one has to take over. */
  async #isAnyoneLeft(): Promise<boolean> {
    const { stateRoot } = this.#options;
    const directory = path.join(stateRoot, "monitor");
    const isNoted =
      readdirSync(path.join(stateRoot, "containers")).length > 0 || holderPids(directory).length > 0;
    if (isNoted) return true;
    const connection = await MonitorConnection.open(path.join(directory, SOCKET), () => {});
    connection?.[Symbol.dispose]();
    return connection !== undefined;
  }

  #join(): Promise<Joined> {
    if (this.#joined !== undefined) return this.#joined;
    const joined = this.#connect(this.#owner.signal);
    this.#joined = joined;
    // The next call tries again.
    joined.catch(() => {
      if (this.#joined === joined) this.#joined = undefined;
    });
    return joined;
  }

  /** Connects to a monitor of our version, started or replaced when needed. */
  async #connect(signal: AbortSignal): Promise<Joined> {
    const { stateRoot, onExit } = this.#options;
    let isStarted = false;
    for (let attempt = 0; attempt < CONNECT_ATTEMPTS; attempt++) {
      signal.throwIfAborted();
      const connection = await MonitorConnection.open(path.join(stateRoot, "monitor", SOCKET), onExit);
      if (connection === undefined) {
        if (!isStarted)
          this.#startMonitor(() => {
            isStarted = false; // it died before it served
          });
        isStarted = true;
        if (attempt === PATIENT_ATTEMPTS) this.#endSilentMonitor();
        await delay(CONNECT_PAUSE_MS, undefined, { signal });
        continue;
      }
      const hello = await connection.send("hello", {}).catch(() => undefined);
      if (hello === undefined) continue;
      if (hello.version === MONITOR_PROTOCOL_VERSION) {
        this.#watch({ connection, pid: hello.pid });
        return { connection, pid: hello.pid };
      }
      this.#log.info("monitor of another version is replaced", { version: hello.version });
      await connection.send("retire", { onlyWhenIdle: false }).catch(() => {});
      connection[Symbol.dispose]();
      isStarted = false;
    }
    throw new LongshoreError("unavailable", `the monitor of "${stateRoot}" does not answer`);
  }

  #watch({ connection, pid }: Joined): void {
    void connection.lost.then(() => {
      if (this.#owner.signal.aborted) return;
      if (connection.isStuck) {
        this.#log.error("monitor does not answer, it is ended", { pid });
        endProcess(pid);
      } else this.#log.warn("monitor died, a new one takes over", { pid });
      this.#rejoin();
    });
  }

  /** Whoever calls while a try lasts learns how it ended; tries go on as long as we live. */
  #rejoin(): void {
    const joined = this.#connect(this.#owner.signal);
    this.#joined = joined;
    this.#owner.run("rejoin the monitor", async (signal) => {
      try {
        await joined;
      } catch (error) {
        signal.throwIfAborted();
        this.#log.error("monitor cannot be brought back, trying again", { error });
        await delay(AGAIN_MS, undefined, { signal });
        this.#rejoin();
        return;
      }
      await this.#options.onRejoin();
    });
  }

  #endSilentMonitor(): void {
    const { stateRoot } = this.#options;
    const lock = path.join(stateRoot, "monitor", "lock");
    const pid = existsSync(lock) ? Number(readFileSync(lock, "latin1")) : 0;
    if (!(pid > 1) || !commandLineOf(pid).split("\0").includes(stateRoot)) return;
    this.#log.error("monitor does not listen, it is ended", { pid });
    endProcess(pid);
  }

  #startMonitor(onEnd: () => void): void {
    const { stateRoot, codeCache } = this.#options;
    const errors = openSync(path.join(stateRoot, "monitor", "monitor.log"), "a", 0o600);
    this.#startCount += 1;
    const switchFile = path.join(stateRoot, "monitor", `switch-${process.pid}-${this.#startCount}`);
    makeFifo(switchFile, 0o600);
    // From the beginning in a session of its own, so that nothing sent to the engine's group reaches it.
    const program = (place: string): string => fileURLToPath(programBeside(place, import.meta.url));
    const argv = [program("./monitor/holder/main.ts"), program("./monitor/main.ts"), stateRoot, switchFile];
    const child = spawn(process.execPath, argv, {
      detached: true,
      stdio: ["ignore", "ignore", errors, "pipe"],
      cwd: "/",
      env: {
        PATH: process.env["PATH"] ?? "",
        LANG: "C.UTF-8",
        UV_THREADPOOL_SIZE: "2",
        // Halves the time without a monitor after one has died.
        NODE_COMPILE_CACHE: codeCache,
      },
    });
    closeSync(errors);
    child.on("error", (error) => this.#log.error("monitor cannot be started", { error }));
    // Only the monitor has the other end of it: the child itself becomes the monitor's holder, which may outlive it.
    const alive = child.stdio[3] as net.Socket;
    alive.on("error", () => {}); // "close" follows
    alive.on("close", onEnd).resume().unref();
    child.unref();
  }

  /** Leaves the monitor alone with its processes; without any it ends. A monitor that is gone or stuck is not waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#owner.signal.aborted) return;
    await this.#owner[Symbol.asyncDispose]();
    const joined = await this.#joined?.catch(() => undefined);
    if (joined === undefined) return;
    const retired = joined.connection.send("retire", { onlyWhenIdle: true });
    await unlessAborted(retired, AbortSignal.timeout(RETIRE_LIMIT_MS)).catch(() => {});
    joined.connection[Symbol.dispose]();
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if (errno(error) !== "ESRCH") throw error;
  }
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // gone
  }
}
