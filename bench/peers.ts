import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startEngine } from "@longshore/testkit";

/** One engine of the comparison, alone on its socket and data. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly socket: string;
  /** Resident memory of the engine and of whatever guards its containers, in KiB. */
  residentKib(): number;
}

/** Every engine that this machine has. Those missing are named, with what to install. */
export async function openPeers(): Promise<readonly Peer[]> {
  const peers: Peer[] = [await longshore()];
  for (const [program, open] of [
    ["dockerd", dockerd],
    ["podman", podman],
  ] as const) {
    const found = spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
    if (found) peers.push(await open());
    else console.log(`bench: no ${program} here (apt-get install docker.io podman), it is left out`);
  }
  return peers;
}

async function longshore(): Promise<Peer> {
  const engine = await startEngine({ flags: ["--log-level", "warn"] });
  return {
    name: "longshore",
    socket: engine.socket,
    residentKib: () => residentKib([engine.dataRoot, engine.stateRoot]),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** dockerd in network and mount namespaces of its own, so that it leaves no bridge and no rule here. */
function dockerd(): Promise<Peer> {
  return foreign("dockerd", (home, socket) => [
    "unshare",
    "-n",
    "-m",
    "sh",
    "-c",
    `ip link set lo up; mount --make-rprivate /; exec dockerd --data-root ${home}/data --exec-root ${home}/exec --pidfile ${home}/pid -H unix://${socket}`,
  ]);
}

function podman(): Promise<Peer> {
  return foreign("podman", (home, socket) => [
    "unshare",
    "-n",
    "-m",
    "sh",
    "-c",
    `ip link set lo up; mount --make-rprivate /; exec podman --root ${home}/data --runroot ${home}/run --runtime crun --cgroup-manager cgroupfs --events-backend file system service --time 0 unix://${socket}`,
  ]);
}

async function foreign(
  name: string,
  command: (home: string, socket: string) => readonly string[],
): Promise<Peer> {
  const home = mkdtempSync(join(tmpdir(), `longshore-bench-${name}-`));
  const socket = join(home, "engine.sock");
  const [program = "", ...args] = command(home, socket);
  const child = spawn(program, args, { stdio: "ignore" });
  const peer: Peer = {
    name,
    socket,
    residentKib: () => residentKib([home]),
    async [Symbol.asyncDispose]() {
      await end(child);
      for (const pid of pidsNaming([home])) spawnSync("kill", ["-9", String(pid)]);
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
  const deadline = Date.now() + 30_000;
  while (!existsSync(socket) || spawnSync("docker", ["-H", `unix://${socket}`, "version"]).status !== 0) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await peer[Symbol.asyncDispose]();
      throw new Error(`bench: ${name} didn't start`);
    }
    await sleep(100);
  }
  return peer;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await gone;
  clearTimeout(timer);
}

function pidsNaming(places: readonly string[]): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => {
      const path = `/proc/${pid}/cmdline`;
      const line = existsSync(path) ? readFileSync(path, "utf8") : "";
      return places.some((place) => line.includes(place));
    })
    .map(Number);
}

function residentKib(places: readonly string[]): number {
  let total = 0;
  for (const pid of pidsNaming(places))
    total += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  return total;
}
