import { mkdir, readFile, rm } from "node:fs/promises";
import os from "node:os";
import { cgroupMode, isCgroupDelegated, linuxMounts, mountOf, type Mounts } from "#host";
import type { CpuSets } from "./cpu-sets.ts";
import { hostDevices } from "./devices.ts";
import type { DeviceNode } from "./document/build-document.ts";
import { heldCapabilities } from "./document/capabilities.ts";
import { type KernelLimit, readKernelLimits } from "./kernel-limits.ts";

/** What containers must know of the machine and of the engine itself; passed in, so that tests fix it. */
export interface HostFacts {
  readonly cpuCount: number;
  /** Processors and memory nodes, as the kernel lists them. */
  readonly cpuSets: CpuSets;
  readonly hostname: string;
  readonly isCgroupV2: boolean;
  /** What cgroups can limit here. */
  readonly kernelLimits: ReadonlySet<KernelLimit>;
  /** Whether a read-only bind can cover the mounts below it. */
  readonly canMountReadOnlyBelow: boolean;
  /** The kernel guards the limits of a cgroup namespace's root against those inside. */
  readonly isCgroupDelegated: boolean;
  readonly hasAppArmor: boolean;
  /** Capabilities of the engine: what it lacks cannot be given. */
  readonly held: ReadonlySet<string>;
  /** The engine's own hard limits by Docker's names (nofile, nproc); absent = unlimited. Source: proc(5), limits. */
  readonly hardLimits: ReadonlyMap<string, number>;
  /** Absolute path of a static init for `--init`; undefined when the host has none. */
  readonly initPath?: string;
  /** Makes shared memory of so many bytes at a folder of the host, and takes it away; gone already is fine. */
  mountShm(folder: string, sizeBytes: number): Promise<void>;
  unmountShm(folder: string): Promise<void>;
  /** The mount that a file lies on, and whether mounts pass there. */
  readonly mountOf: typeof mountOf;
  /** Every device node below /dev, for privileged containers. */
  allDevices(): Promise<DeviceNode[]>;
}

/** Docker's ulimit name -> the first words of its line in /proc/PID/limits. */
const LIMIT_LINES: Readonly<Record<string, string>> = {
  core: "Max core file size",
  cpu: "Max cpu time",
  data: "Max data size",
  fsize: "Max file size",
  locks: "Max file locks",
  memlock: "Max locked memory",
  msgqueue: "Max msgqueue size",
  nice: "Max nice priority",
  nofile: "Max open files",
  nproc: "Max processes",
  rss: "Max resident set",
  rtprio: "Max realtime priority",
  rttime: "Max realtime timeout",
  sigpending: "Max pending signals",
  stack: "Max stack size",
};

export const ULIMIT_NAMES: readonly string[] = Object.keys(LIMIT_LINES);

/** Readable where AppArmor is on. Source: apparmor(7). */
const APP_ARMOR_PROFILES = "/sys/kernel/security/apparmor/profiles";

/** Reads the facts of this process. */
export async function readHostFacts(initPath: string | undefined): Promise<HostFacts> {
  const [status, limits, cpus, mems, appArmor] = await Promise.all([
    readFile("/proc/self/status", "utf8"),
    readFile("/proc/self/limits", "utf8"),
    ...["/sys/devices/system/cpu/online", "/sys/devices/system/node/online", APP_ARMOR_PROFILES].map((file) =>
      readFile(file, "utf8").catch(() => undefined),
    ),
  ]);
  const isCgroupV2 = cgroupMode() === "unified";
  return {
    cpuCount: os.cpus().length,
    cpuSets: { cpus: cpus?.trim() ?? `0-${os.cpus().length - 1}`, mems: mems?.trim() ?? "0" },
    hasAppArmor: appArmor !== undefined,
    hostname: os.hostname(),
    isCgroupV2,
    kernelLimits: await readKernelLimits("/sys/fs/cgroup", isCgroupV2),
    canMountReadOnlyBelow: isAtLeast(os.release(), 5, 12),
    isCgroupDelegated: isCgroupDelegated(await readFile("/proc/self/mountinfo", "utf8")),
    held: heldCapabilities(status),
    hardLimits: parseHardLimits(limits),
    ...(initPath !== undefined && { initPath }),
    ...sharedMemoryOn(linuxMounts),
    mountOf,
    allDevices: () => hostDevices("/dev"),
  };
}

function isAtLeast(release: string, major: number, minor: number): boolean {
  const [own = 0, ownMinor = 0] = release.split(/[.-]/).map(Number);
  return own > major || (own === major && ownMinor >= minor);
}

/** Shared memory as a tmpfs at its folder. */
export function sharedMemoryOn(
  mounts: Pick<Mounts, "mountTmpfs" | "unmount">,
): Pick<HostFacts, "mountShm" | "unmountShm"> {
  return {
    mountShm: async (folder, sizeBytes) => {
      await mkdir(folder, { recursive: true });
      mounts.mountTmpfs(folder, sizeBytes);
    },
    unmountShm: async (folder) => {
      mounts.unmount(folder);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Hard limits in /proc/PID/limits. */
export function parseHardLimits(text: string): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const [name, words] of Object.entries(LIMIT_LINES)) {
    const line = text.split("\n").find((candidate) => candidate.startsWith(`${words} `));
    const hard = line?.slice(words.length).trim().split(/\s+/)[1];
    if (hard !== undefined && /^\d+$/.test(hard)) limits.set(name, Number(hard));
  }
  return limits;
}
