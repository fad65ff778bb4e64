import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { startEngine } from "@longshore/testkit";
import { buildEngine } from "../tools/build-engine.ts";

/** One engine of the comparison, alone on its socket and data. */
export interface Peer extends AsyncDisposable {
  readonly name: string;
  readonly socket: string;
  /** Its own command line, as its users type it; the arguments that follow are the same for each. */
  readonly command: readonly string[];
  /** A command that runs the rest of its line where the engine's loopback is; empty for this process's own. */
  readonly within: readonly string[];
  /** Flags of `pull` and `push` for a registry without TLS. */
  readonly plainRegistry: readonly string[];
  /** Ends the engine as a service manager does, and starts it again on what it has; milliseconds from there until it answers. */
  restart(): Promise<number>;
  /** CPU time of the engine and of whatever guards its containers so far, in milliseconds. */
  cpuMs(): number;
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

/** As it is shipped: the bundle, for the others are measured as they are shipped too. */
async function longshore(): Promise<Peer> {
  const folder = await buildEngine();
  const engine = await startEngine({
    program: [join(folder, "node"), join(folder, "main.js")],
    flags: ["--log-level", "warn"],
  });
  return {
    name: "longshore",
    socket: engine.socket,
    command: ["docker", "-H", `unix://${engine.socket}`],
    within: [],
    plainRegistry: [],
    async restart() {
      await engine.stop();
      const startedAt = performance.now();
      await engine.restart();
      return performance.now() - startedAt;
    },
    cpuMs: () => cpuMs([engine.dataRoot, engine.stateRoot]),
    residentKib: () => residentKib([engine.dataRoot, engine.stateRoot]),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** dockerd in network and mount namespaces of its own, so that it leaves no bridge and no rule here. */
function dockerd(): Promise<Peer> {
  return foreign("dockerd", {
    service: (home, socket) =>
      `exec dockerd --data-root ${home}/data --exec-root ${home}/exec --pidfile ${home}/pid -H unix://${socket}`,
    command: (_home, socket) => ["docker", "-H", `unix://${socket}`],
  });
}

/**
 * podman by its own command line, without a service in between, as its users run it; the service answers the API
 * scenarios. Both live in the same namespaces, with scratch folders over the places that podman shares with the host.
 */
function podman(): Promise<Peer> {
  const flags = (home: string): string =>
    `podman --root ${home}/data --runroot ${home}/run --tmpdir ${home}/tmp` +
    " --runtime crun --cgroup-manager cgroupfs --events-backend file";
  return foreign("podman", {
    before: (home) => {
      // Its default limits are above this process's own, which only a host with CAP_SYS_RESOURCE may ask for.
      writeFileSync(
        join(home, "containers.conf"),
        '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n',
      );
    },
    service: (home, socket) =>
      [
        "mkdir -p /run/netns /var/lib/cni",
        "mount -t tmpfs none /run/netns",
        "mount -t tmpfs none /var/lib/cni",
        `export CONTAINERS_CONF=${home}/containers.conf`,
        `exec ${flags(home)} system service --time 0 unix://${socket}`,
      ].join("; "),
    plainRegistry: ["--tls-verify=false"],
    command: (home, _socket, pid) =>
      `env CONTAINERS_CONF=${home}/containers.conf nsenter -t ${pid} -n -m ${flags(home)}`.split(" "),
    after: () => {
      for (const parent of globSync("/sys/fs/cgroup/*/libpod_parent"))
        spawnSync("find", [parent, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"]);
    },
  });
}

interface Foreign {
  readonly before?: (home: string) => void;
  /** A shell command that becomes the service. */
  readonly service: (home: string, socket: string) => string;
  readonly command: (home: string, socket: string, servicePid: number) => readonly string[];
  readonly plainRegistry?: readonly string[];
  readonly after?: () => void;
}

async function foreign(
  name: string,
  { before, service, command, plainRegistry = [], after }: Foreign,
): Promise<Peer> {
  const home = mkdtempSync(join(tmpdir(), `longshore-bench-${name}-`));
  const socket = join(home, "engine.sock");
  before?.(home);
  const script = `ip link set lo up; mount --make-rprivate /; ${service(home, socket)}`;
  const launch = (): ChildProcess => spawn("unshare", ["-n", "-m", "sh", "-c", script], { stdio: "ignore" });
  let child = launch();
  const peer: Peer = {
    name,
    socket,
    get command() {
      return command(home, socket, child.pid ?? 0);
    },
    get within() {
      return ["nsenter", "-t", String(child.pid), "-n"];
    },
    plainRegistry,
    async restart() {
      await end(child);
      const startedAt = performance.now();
      child = launch();
      await ready();
      return performance.now() - startedAt;
    },
    cpuMs: () => cpuMs([home]),
    residentKib: () => residentKib([home]),
    async [Symbol.asyncDispose]() {
      await end(child);
      for (const pid of pidsNaming([home])) spawnSync("kill", ["-9", String(pid)]);
      after?.();
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
    },
  };
  await ready();
  return peer;

  async function ready(): Promise<void> {
    const deadline = Date.now() + 30_000;
    while (!(await isAnswering(socket))) {
      if (child.exitCode !== null || Date.now() > deadline) {
        await peer[Symbol.asyncDispose]();
        throw new Error(`bench: ${name} didn't start`);
      }
      await sleep(10);
    }
  }
}

function isAnswering(socketPath: string): Promise<boolean> {
  return new Docker({ socketPath }).ping().then(
    () => true,
    () => false,
  );
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

/** Linux counts in hundredths of a second. Source: proc_pid_stat(5), utime and stime. */
function cpuMs(places: readonly string[]): number {
  let ticks = 0;
  for (const pid of pidsNaming(places)) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  return ticks * 10;
}

function residentKib(places: readonly string[]): number {
  let total = 0;
  for (const pid of pidsNaming(places))
    total += Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  return total;
}
