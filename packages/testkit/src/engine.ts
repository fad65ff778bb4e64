import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inventory } from "./inventory.ts";
import { tellJanitor } from "./janitor.ts";
import { processesOf, type Roots } from "./owned.ts";
import { SHARED_PARENT, type Home, signalQuietly, wipe } from "./wipe.ts";

const main = join(import.meta.dirname, "../../engine/src/main.ts");
const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 10_000;

export interface EngineOptions {
  /** What the test gives its containers as CgroupParent, "/longshore" when it gives none: there inventory() looks for theirs. */
  readonly cgroupParent?: string;
  /** Further flags of the engine's command line. */
  readonly flags?: readonly string[];
  /** A /16 of its own keeps two engines of one machine apart. */
  readonly bridgeSubnet?: string;
  /** Another build of the engine, as Node and its entry file; the sources under this Node if absent. */
  readonly program?: readonly [node: string, entry: string];
  /** A command that ends by running the rest of its arguments, for an engine that sees another machine (unshare). */
  readonly inside?: readonly string[];
}

/** A real engine with roots, socket and subnet of its own. Disposing it removes everything it ever made. */
export interface EngineUnderTest extends AsyncDisposable, Roots {
  readonly socket: string;
  readonly pid: number;
  /** Everything the engine, then the monitor, wrote to their standard error so far. */
  log(): string;
  /** Kills the engine alone; containers and their monitor stay. */
  kill9(): Promise<void>;
  /** Ends it by SIGTERM; answers how long that took. Throws when it has to be killed. */
  stop(): Promise<number>;
  /** Starts it again on the same roots and waits until it answers. */
  restart(): Promise<void>;
  /** Starts it again and kills it, and what its monitor is then, after `afterMs`. */
  crashAtStart(afterMs: number): Promise<void>;
  /** Sends a signal to the monitor alone. */
  signalMonitor(signal: NodeJS.Signals): void;
  /** All that belongs to this engine on this machine; two of them are compared by difference(). */
  inventory(): Promise<readonly string[]>;
}

/** Starts packages/engine and waits for /_ping. Fails with the engine's own words. */
export async function startEngine(options: EngineOptions = {}): Promise<EngineUnderTest> {
  const home = mkdtempSync(join(tmpdir(), "longshore-kit-"));
  const roots: Roots = { dataRoot: join(home, "data"), stateRoot: join(home, "state") };
  const socket = join(home, "engine.sock");
  const logPath = join(home, "engine.log");
  const named: Readonly<Record<string, string>> = {
    "--socket": socket,
    "--data-root": roots.dataRoot,
    "--state-root": roots.stateRoot,
    "--log-level": "debug",
    "--bridge-subnet": options.bridgeSubnet ?? freeSubnet(),
    "--insecure-registry": "127.0.0.0/8",
  };
  const flags = [...Object.entries(named).flat(), ...(options.flags ?? [])];
  const cgroupParent = options.cgroupParent ?? SHARED_PARENT;
  const own: Home = { ...roots, home, cgroupParents: [...new Set([cgroupParent, SHARED_PARENT])] };
  tellJanitor({ keep: own });
  let child = await launch();

  function begin(): ChildProcess {
    const log = openSync(logPath, "a");
    const own = options.program ?? [process.execPath, main];
    const [command = "", ...given] = [...(options.inside ?? []), ...own, ...flags];
    const started = spawn(command, given, {
      stdio: ["ignore", log, log],
      detached: true,
    });
    closeSync(log);
    return started;
  }
  async function launch(): Promise<ChildProcess> {
    const started = begin();
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await answers(socket))) {
      if (started.exitCode !== null || started.signalCode !== null)
        throw new Error(`the engine ended with ${started.exitCode ?? started.signalCode}:\n${tail(logPath)}`);
      if (Date.now() > deadline) {
        started.kill("SIGKILL");
        throw new Error(`the engine didn't answer within ${START_LIMIT_MS} ms:\n${tail(logPath)}`);
      }
      await sleep(10);
    }
    return started;
  }
  const signalMonitor = (signal: NodeJS.Signals): void => {
    for (const { pid, role } of processesOf(roots)) if (role === "monitor") signalQuietly(pid, signal);
  };

  return {
    ...roots,
    socket,
    get pid() {
      return child.pid ?? -1;
    },
    log: () =>
      [logPath, join(roots.stateRoot, "monitor/monitor.log")]
        .filter((file) => existsSync(file))
        .map((file) => readFileSync(file, "utf8"))
        .join(""),
    kill9: () => end(child, "SIGKILL"),
    async stop() {
      const startedAt = performance.now();
      await end(child, "SIGTERM");
      if (child.exitCode !== 0)
        throw new Error(
          `SIGTERM ended the engine with ${child.exitCode ?? child.signalCode}:\n${tail(logPath)}`,
        );
      return performance.now() - startedAt;
    },
    async restart() {
      await end(child, "SIGKILL");
      child = await launch();
    },
    async crashAtStart(afterMs) {
      await end(child, "SIGKILL");
      child = begin();
      await sleep(afterMs);
      const gone = end(child, "SIGKILL");
      signalMonitor("SIGKILL");
      await gone;
    },
    signalMonitor,
    inventory: () => inventory(roots, cgroupParent),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) await removeContainers(socket);
      await end(child, "SIGTERM");
      await wipe(own);
      tellJanitor({ done: home });
    },
  };
}

async function removeContainers(socket: string): Promise<void> {
  const list = await call(socket, "GET", "/containers/json?all=1").catch(() => undefined);
  if (list?.status !== 200) return;
  const found: readonly { Id: string }[] = JSON.parse(list.text);
  for (const { Id } of found)
    await call(socket, "DELETE", `/containers/${Id}?force=1&v=1`).catch(() => undefined);
  await call(socket, "POST", "/networks/prune").catch(() => undefined);
}

function call(socket: string, method: string, path: string): Promise<{ status: number; text: string }> {
  return new Promise((done, fail) => {
    const sent = request({ socketPath: socket, method, path, timeout: STOP_LIMIT_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("end", () => done({ status: response.statusCode ?? 0, text }));
      response.once("error", fail);
    });
    sent.once("timeout", () => sent.destroy(new Error(`no answer to ${method} ${path}`)));
    sent.once("error", fail);
    sent.end();
  });
}

async function answers(socket: string): Promise<boolean> {
  const answer = await call(socket, "GET", "/_ping").catch(() => undefined);
  return answer?.status === 200;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await gone;
  clearTimeout(timer);
}

function tail(path: string): string {
  return readFileSync(path, "utf8").split("\n").slice(-40).join("\n");
}

let nextSubnet = process.pid % 200;
function freeSubnet(): string {
  nextSubnet = (nextSubnet + 1) % 200;
  return `10.${20 + nextSubnet}.0.1/16`;
}
