import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const START_LIMIT_MS = 15_000;

/** A real docker-registry on a loopback port, with storage of its own. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:PORT`, as it stands in an image's name. */
  readonly host: string;
  /** Folder of its storage, for tests that spoil a blob. */
  readonly storage: string;
  /** Ends it by SIGKILL. What it stored stays. */
  kill9(): Promise<void>;
  /** Starts it again at the same port, with what it stored. */
  restart(): Promise<void>;
}

export async function startRegistry(): Promise<Registry> {
  const home = mkdtempSync(join(tmpdir(), "longshore-registry-"));
  const port = await freePort();
  const host = `127.0.0.1:${port}`;
  const storage = join(home, "storage");
  const config = {
    version: 0.1,
    log: { level: "error" },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: host },
  };
  writeFileSync(join(home, "config.yml"), JSON.stringify(config));
  const failed: { error?: Error } = {};
  let child = launch();
  function launch(): ChildProcess {
    const started = spawn("docker-registry", ["serve", join(home, "config.yml")], { stdio: "ignore" });
    started.once("error", (error) => (failed.error = error));
    return started;
  }
  async function untilItAnswers(): Promise<void> {
    const deadline = Date.now() + START_LIMIT_MS;
    while (!(await fetch(`http://${host}/v2/`).catch(() => undefined))?.ok) {
      if (failed.error || child.exitCode !== null || Date.now() > deadline) {
        await registry[Symbol.asyncDispose]();
        throw new Error("docker-registry didn't start", { cause: failed.error });
      }
      await sleep(25);
    }
  }
  const registry: Registry = {
    host,
    storage,
    kill9: () => end(child),
    async restart() {
      await end(child);
      child = launch();
      await untilItAnswers();
    },
    async [Symbol.asyncDispose]() {
      await end(child);
      rmSync(home, { recursive: true, force: true });
    },
  };
  await untilItAnswers();
  return registry;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGKILL");
  await gone;
}

/** A TCP port that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const address = server.address();
  await new Promise<void>((done) => server.close(() => done()));
  if (address === null || typeof address === "string") throw new Error("testkit: no free port");
  return address.port;
}
