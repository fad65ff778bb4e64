import type { KernelLimit } from "#containers";

/** What this machine's kernel can limit, as GET /info tells it. */
export interface KernelFacts {
  readonly limits: ReadonlySet<KernelLimit>;
  readonly isCgroupV2: boolean;
  readonly isForwarding: boolean;
}

interface Rule {
  readonly limit: KernelLimit;
  readonly lack: string;
  /** Of one version alone: on the other nobody can do anything about it. */
  readonly version?: 1 | 2;
}

/** Source: Docker Engine 28, warnings of GET /info. */
const RULES: readonly Rule[] = [
  { limit: "memory", lack: "No memory limit support" },
  { limit: "swap", lack: "No swap limit support" },
  { limit: "kernel-memory-tcp", lack: "No kernel memory TCP limit support", version: 1 },
  { limit: "oom-kill-disable", lack: "No oom kill disable support", version: 1 },
  { limit: "cpu-cfs", lack: "No cpu cfs quota support" },
  { limit: "cpu-cfs", lack: "No cpu cfs period support" },
  { limit: "cpu-shares", lack: "No cpu shares support" },
  { limit: "cpuset", lack: "No cpuset support" },
  { limit: "blkio-weight", lack: "No io.weight support", version: 2 },
  { limit: "blkio-weight-device", lack: "No io.weight (per device) support", version: 2 },
  ...(["rbps", "wbps", "riops", "wiops"] as const).map((name): Rule => ({
    limit: "blkio-throttle",
    lack: `No io.max (${name}) support`,
    version: 2,
  })),
  ...(["read_bps", "write_bps", "read_iops", "write_iops"] as const).map((name): Rule => ({
    limit: "blkio-throttle",
    lack: `No blkio throttle.${name}_device support`,
    version: 1,
  })),
];

/** The fields of GET /info about limits, and the sentences of `docker info` about what is missing. */
export function kernelInfo({ limits, isCgroupV2, isForwarding }: KernelFacts): {
  readonly fields: Readonly<Record<string, boolean | string>>;
  readonly warnings: readonly string[];
} {
  const version = isCgroupV2 ? 2 : 1;
  return {
    fields: {
      MemoryLimit: limits.has("memory"),
      SwapLimit: limits.has("swap"),
      ...(limits.has("kernel-memory-tcp") && { KernelMemoryTCP: true }),
      CpuCfsPeriod: limits.has("cpu-cfs"),
      CpuCfsQuota: limits.has("cpu-cfs"),
      CPUShares: limits.has("cpu-shares"),
      CPUSet: limits.has("cpuset"),
      PidsLimit: limits.has("pids"),
      OomKillDisable: limits.has("oom-kill-disable"),
      IPv4Forwarding: isForwarding,
      CgroupVersion: String(version),
    },
    warnings: [
      ...RULES.filter((rule) => !limits.has(rule.limit) && (rule.version ?? version) === version).map(
        ({ lack }) => `WARNING: ${lack}`,
      ),
      ...(isForwarding ? [] : ["WARNING: IPv4 forwarding is disabled"]),
    ],
  };
}
