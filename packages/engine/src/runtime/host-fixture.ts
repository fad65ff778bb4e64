import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { randomId, silentLogger, systemClock } from "#kernel";
import { linuxCgroups, unmount } from "#host";
import type { RuntimeDocument } from "#spec";
import type { Runtime, StartSpec } from "./contract.ts";
import { endHolders, holderPids } from "./monitor/holders.ts";
import { openRuntime } from "./runtime.ts";

const APPLETS = [
  "sh",
  "echo",
  "sleep",
  "cat",
  "true",
  "stty",
  "seq",
  "dd",
  "id",
  "kill",
  "printf",
  "tty",
  "head",
];

/** A place of its own for host tests: roots, a busybox file system; disposing kills and unmounts whatever is left. */
export class RuntimeGround implements AsyncDisposable {
  readonly directory: string;
  readonly stateRoot: string;
  readonly dataRoot: string;
  readonly #cgroups: string[] = [];

  constructor(directory: string = mkdtempSync(path.join(os.tmpdir(), "longshore-runtime-"))) {
    this.directory = directory;
    this.stateRoot = path.join(directory, "state");
    this.dataRoot = path.join(directory, "data");
    for (const place of ["bin", "proc", "dev", "tmp", "sys"])
      mkdirSync(path.join(directory, "busybox", place), { recursive: true });
    mkdirSync(path.join(directory, "empty"), { recursive: true });
    const bin = path.join(directory, "busybox", "bin");
    if (readdirSync(bin).length === 0) {
      copyFileSync("/bin/busybox", path.join(bin, "busybox"));
      for (const name of APPLETS) symlinkSync("busybox", path.join(bin, name));
    }
  }

  async open(signal: AbortSignal): Promise<Runtime> {
    return await openRuntime(
      {
        stateRoot: this.stateRoot,
        dataRoot: this.dataRoot,
        runtime: { name: "crun", path: "/usr/bin/crun" },
        log: silentLogger,
        clock: systemClock,
      },
      signal,
    );
  }

  spec(args: readonly string[], stdio: Partial<StartSpec["stdio"]> = {}, id: string = randomId()): StartSpec {
    const cgroupsPath = `/longshore-test/${id}`;
    this.#cgroups.push(cgroupsPath);
    const document: RuntimeDocument = {
      ociVersion: "1.0.2",
      process: { terminal: false, user: { uid: 0, gid: 0 }, args, env: ["PATH=/bin"], cwd: "/" },
      root: { path: "rootfs", readonly: false },
      mounts: [
        { destination: "/proc", type: "proc", source: "proc", options: [] },
        { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
        {
          destination: "/dev/pts",
          type: "devpts",
          source: "devpts",
          options: ["newinstance", "ptmxmode=0666"],
        },
      ],
      linux: {
        namespaces: [
          { type: "pid" },
          { type: "mount" },
          { type: "ipc" },
          { type: "uts" },
          { type: "network" },
        ],
        cgroupsPath,
        resources: {},
      },
    };
    return {
      id,
      document,
      root: {
        kind: "overlay",
        lowers: [path.join(this.directory, "busybox"), path.join(this.directory, "empty")],
      },
      stdio: { hasTty: false, hasStdin: false, ...stdio },
      logDirectory: this.logDirectory(id),
    };
  }

  logDirectory(id: string): string {
    return path.join(this.dataRoot, "containers", id, "log");
  }

  output(id: string): string {
    return readFileSync(path.join(this.logDirectory(id), "data"), "utf8");
  }

  /** Pid of the monitor that serves this ground, undefined when none does. */
  monitorPid(): number | undefined {
    return processesNaming(this.stateRoot).at(0);
  }

  holderPids(): readonly number[] {
    return holderPids(path.join(this.stateRoot, "monitor"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of processesNaming(this.stateRoot)) killQuietly(pid);
    endHolders(path.join(this.stateRoot, "monitor"));
    for (const cgroup of this.#cgroups) {
      for (let round = 0; round < 200 && linuxCgroups.pids(cgroup).length > 0; round++) {
        for (const pid of linuxCgroups.pids(cgroup)) killQuietly(pid);
        await systemClock.sleep(10, AbortSignal.timeout(1_000));
      }
      linuxCgroups.remove(cgroup);
    }
    linuxCgroups.remove("/longshore-test");
    const containers = path.join(this.stateRoot, "containers");
    try {
      for (const id of readdirSync(containers)) unmount(path.join(containers, id, "rootfs"));
    } catch {
      // none
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function processesNaming(stateRoot: string): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
        return line[1]?.includes("monitor/main") === true && line[2] === stateRoot;
      } catch {
        return false;
      }
    });
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // gone
  }
}
