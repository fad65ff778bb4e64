import { existsSync } from "node:fs";
import { access, readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { LongshoreError } from "#kernel";
import type { HostSettings } from "./settings.ts";

/** A limit that a kernel may lack, or that needs a controller which may not be mounted. */
export type KernelLimit =
  | "memory"
  | "swap"
  | "memory-reservation"
  | "memory-swappiness"
  | "kernel-memory-tcp"
  | "oom-kill-disable"
  | "pids"
  | "cpu-shares"
  | "cpu-cfs"
  | "cpu-realtime"
  | "cpuset"
  | "blkio-weight"
  | "blkio-weight-device"
  | "blkio-throttle";

/** cgroup v1: the file below the controller's mount that stands for each limit. Source: kernel, admin-guide/cgroup-v1. */
const V1_FILES: Readonly<Record<KernelLimit, string>> = {
  memory: "memory/memory.limit_in_bytes",
  swap: "memory/memory.memsw.limit_in_bytes",
  "memory-reservation": "memory/memory.soft_limit_in_bytes",
  "memory-swappiness": "memory/memory.swappiness",
  "kernel-memory-tcp": "memory/memory.kmem.tcp.limit_in_bytes",
  "oom-kill-disable": "memory/memory.oom_control",
  pids: "pids/cgroup.procs",
  "cpu-shares": "cpu/cpu.shares",
  "cpu-cfs": "cpu/cpu.cfs_quota_us",
  "cpu-realtime": "cpu/cpu.rt_runtime_us",
  cpuset: "cpuset/cpuset.cpus",
  "blkio-weight": "blkio/blkio.weight",
  "blkio-weight-device": "blkio/blkio.weight_device",
  "blkio-throttle": "blkio/blkio.throttle.read_bps_device",
};

/** cgroup v2: the controller that brings each limit; what it has not is not here. Source: kernel, admin-guide/cgroup-v2. */
const V2_CONTROLLERS: Readonly<Partial<Record<KernelLimit, string>>> = {
  memory: "memory",
  swap: "memory",
  "memory-reservation": "memory",
  pids: "pids",
  "cpu-shares": "cpu",
  "cpu-cfs": "cpu",
  cpuset: "cpuset",
  "blkio-weight": "io",
  "blkio-weight-device": "io",
  "blkio-throttle": "io",
};

/** What this machine's cgroups can limit, read below `root` (/sys/fs/cgroup). */
export async function readKernelLimits(root: string, isCgroupV2: boolean): Promise<ReadonlySet<KernelLimit>> {
  const names = Object.keys(V1_FILES) as KernelLimit[];
  if (isCgroupV2) {
    const text = await readFile(path.join(root, "cgroup.controllers"), "utf8").catch(() => "");
    const controllers = new Set(text.trim().split(/\s+/));
    const hasSwap = await limitsSwap(root);
    return new Set(
      names.filter((name) => controllers.has(V2_CONTROLLERS[name] ?? "none") && (name !== "swap" || hasSwap)),
    );
  }
  const found = await Promise.all(
    names.map(async (name) => ({
      name,
      isThere: await access(path.join(root, V1_FILES[name])).then(
        () => true,
        () => false,
      ),
    })),
  );
  return new Set(found.filter(({ isThere }) => isThere).map(({ name }) => name));
}

/** Swap may be left uncounted at boot (swapaccount=0). Groups below the root alone have the files that tell. */
async function limitsSwap(root: string): Promise<boolean> {
  const names = await readdir(root).catch(() => []);
  const below = names.map((name) => path.join(root, name));
  const limited = below.find((group) => existsSync(path.join(group, "memory.max")));
  return limited === undefined || existsSync(path.join(limited, "memory.swap.max"));
}

const lacks = (what: string, result: string): string =>
  `Your kernel does not support ${what} or the cgroup is not mounted. ${result}`;

interface Rule {
  readonly limit: KernelLimit;
  readonly asks: (host: HostSettings) => boolean;
  readonly without: Partial<HostSettings>;
  readonly warning: string;
}

/** What is asked, what stays without it, and Docker's words. Source: Docker Engine, warnings of POST /containers/create. */
const RULES: readonly Rule[] = [
  {
    limit: "memory",
    asks: ({ Memory }) => Memory > 0,
    without: { Memory: 0, MemorySwap: -1 },
    warning: lacks("memory limit capabilities", "Limitation discarded."),
  },
  {
    limit: "swap",
    asks: ({ Memory, MemorySwap }) => Memory > 0 && MemorySwap !== -1,
    without: { MemorySwap: -1 },
    warning: lacks("swap limit capabilities", "Memory limited without swap."),
  },
  {
    limit: "memory-swappiness",
    asks: ({ MemorySwappiness }) => MemorySwappiness !== null && MemorySwappiness !== -1,
    without: { MemorySwappiness: null },
    warning: lacks("memory swappiness capabilities", "Memory swappiness discarded."),
  },
  {
    limit: "memory-reservation",
    asks: ({ MemoryReservation }) => MemoryReservation > 0,
    without: { MemoryReservation: 0 },
    warning: lacks("memory soft limit capabilities", "Limitation discarded."),
  },
  {
    limit: "kernel-memory-tcp",
    asks: ({ KernelMemoryTCP }) => (KernelMemoryTCP ?? 0) > 0,
    without: { KernelMemoryTCP: 0 },
    warning: lacks("kernel memory TCP limit capabilities", "Limitation discarded."),
  },
  {
    limit: "oom-kill-disable",
    asks: ({ OomKillDisable }) => OomKillDisable === true,
    without: { OomKillDisable: null },
    warning: "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
  },
  {
    limit: "pids",
    asks: ({ PidsLimit }) => (PidsLimit ?? 0) > 0,
    without: { PidsLimit: null },
    warning: lacks("PIDs limit capabilities", "PIDs limit discarded."),
  },
  {
    limit: "cpu-shares",
    asks: ({ CpuShares }) => CpuShares > 0,
    without: { CpuShares: 0 },
    warning: lacks("CPU shares", "Shares discarded."),
  },
  {
    limit: "cpu-cfs",
    asks: ({ CpuPeriod, CpuQuota }) => CpuPeriod !== 0 || CpuQuota !== 0,
    without: { CpuPeriod: 0, CpuQuota: 0 },
    warning: "Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.",
  },
  {
    limit: "cpuset",
    asks: ({ CpusetCpus, CpusetMems }) => CpusetCpus !== "" || CpusetMems !== "",
    without: { CpusetCpus: "", CpusetMems: "" },
    warning: lacks("cpuset", "Cpuset discarded."),
  },
  {
    limit: "blkio-weight",
    asks: ({ BlkioWeight }) => BlkioWeight > 0,
    without: { BlkioWeight: 0 },
    warning: lacks("Block I/O weight", "Weight discarded."),
  },
  {
    limit: "blkio-weight-device",
    asks: ({ BlkioWeightDevice }) => (BlkioWeightDevice ?? []).length > 0,
    without: { BlkioWeightDevice: [] },
    warning: lacks("Block I/O weight_device", "Weight-device discarded."),
  },
  throttle("BlkioDeviceReadBps", "BPS Block I/O read limit", "Block I/O BPS read limit"),
  throttle("BlkioDeviceWriteBps", "BPS Block I/O write limit", "Block I/O BPS write limit"),
  throttle("BlkioDeviceReadIOps", "IOPS Block read limit", "Block I/O IOPS read limit"),
  throttle("BlkioDeviceWriteIOps", "IOPS Block write limit", "Block I/O IOPS write limit"),
];

function throttle(
  field: "BlkioDeviceReadBps" | "BlkioDeviceWriteBps" | "BlkioDeviceReadIOps" | "BlkioDeviceWriteIOps",
  what: string,
  short: string,
): Rule {
  return {
    limit: "blkio-throttle",
    asks: (host) => (host[field] ?? []).length > 0,
    without: { [field]: [] },
    warning: lacks(what, `${short} discarded.`),
  };
}

/**
 * The settings that the kernel can keep, with a warning for each that is left out. Throws `invalid` for those that Docker refuses
 * where the kernel lacks them: processor time by --cpus, and real-time scheduling.
 */
export function withinKernel(
  host: HostSettings,
  limits: ReadonlySet<KernelLimit>,
): { readonly host: HostSettings; readonly warnings: readonly string[] } {
  if (host.NanoCpus > 0 && !limits.has("cpu-cfs"))
    throw new LongshoreError(
      "invalid",
      "NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted",
    );
  if ((host.CpuRealtimePeriod !== 0 || host.CpuRealtimeRuntime !== 0) && !limits.has("cpu-realtime"))
    throw new LongshoreError("invalid", "kernel does not support CPU real-time scheduler");
  const unmet = RULES.filter(({ limit, asks }) => !limits.has(limit) && asks(host));
  return {
    host: unmet.reduce<HostSettings>((kept, { without }) => ({ ...kept, ...without }), host),
    warnings: unmet.map(({ warning }) => warning),
  };
}
