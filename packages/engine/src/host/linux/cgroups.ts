import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { errno } from "#kernel";
import type { Cgroups, CgroupStats } from "../contract.ts";
import { libc, checked } from "./libc.ts";

const mountCall = libc.func("int mount(str, str, str, ulong, str)");

export const CGROUP_ROOT = "/sys/fs/cgroup";
const CGROUP2_MAGIC = 0x63677270;

/** "unified" = v2 only; "legacy" = v1 controllers below their own mounts (a v2 tree may be beside them). */
export function cgroupMode(): "unified" | "legacy" {
  return statfsSync(CGROUP_ROOT).type === CGROUP2_MAGIC ? "unified" : "legacy";
}

/**
 * Whether the one tree of cgroup v2 is a boundary of delegation at each cgroup namespace: inside one, the limits of its root can't be
 * changed. `mountinfo` is the text of /proc/self/mountinfo. Source: cgroups(7), nsdelegate.
 */
export function isCgroupDelegated(mountinfo: string): boolean {
  const mounts = mountinfo.split("\n").map((line) => line.split(" - "));
  const [, last = ""] = mounts.findLast(([place = ""]) => place.split(" ")[4] === CGROUP_ROOT) ?? [];
  const [type, , options = ""] = last.split(" ");
  return type === "cgroup2" && options.split(",").includes("nsdelegate");
}

/**
 * crun refuses cgroup v1 while a controller is left to the v2 tree beside it ("hybrid mode"); mounting those controllers as v1 heals it.
 * hugetlb is the one that distributions and sandboxes forget. Nothing happens elsewhere.
 */
export function mountForgottenControllers(): readonly string[] {
  if (cgroupMode() === "unified") return [];
  let left: string[];
  try {
    left = readFileSync(`${CGROUP_ROOT}/unified/cgroup.controllers`, "utf8").trim().split(" ");
  } catch {
    return [];
  }
  const mounted = left.filter((name) => name === "hugetlb");
  for (const name of mounted) {
    const target = path.join(CGROUP_ROOT, name);
    mkdirSync(target, { recursive: true });
    checked("mount", mountCall("cgroup", target, "cgroup", 0, name) as number, target);
  }
  return mounted;
}

/** This machine's. */
export const linuxCgroups: Cgroups = {
  stats: readCgroupStats,
  oomKillCount,
  pids: cgroupPids,
  setFrozen: setCgroupFrozen,
  remove: removeCgroup,
};

/** Directory of a container's cgroup for a v1 controller, or of its one v2 cgroup. Undefined when it is not there. */
function cgroupDirectory(cgroupsPath: string, controller: string): string | undefined {
  const root = cgroupMode() === "unified" ? CGROUP_ROOT : path.join(CGROUP_ROOT, controller);
  const directory = path.join(root, cgroupsPath);
  return existsSync(directory) ? directory : undefined;
}

function oomKillCount(cgroupsPath: string): number {
  const directory = cgroupDirectory(cgroupsPath, "memory");
  return directory === undefined ? 0 : oomKillsAt(directory);
}

/** `oom_kill` of a cgroup's directory, of either version. */
export function oomKillsAt(directory: string): number {
  return (
    flatKeyed(directory, "memory.events")["oom_kill"] ??
    flatKeyed(directory, "memory.oom_control")["oom_kill"] ??
    0
  );
}

function cgroupPids(cgroupsPath: string): readonly number[] {
  const directory = cgroupDirectory(cgroupsPath, "pids") ?? cgroupDirectory(cgroupsPath, "memory");
  if (directory === undefined) return [];
  const pids = new Set<number>();
  for (const place of [directory, ...cgroupsBelow(directory)])
    for (const line of (textOf(place, "cgroup.procs") ?? "").split("\n"))
      if (line !== "" && line !== "0") pids.add(Number(line));
  return [...pids];
}

function setCgroupFrozen(cgroupsPath: string, isFrozen: boolean): boolean {
  const directory = cgroupDirectory(cgroupsPath, "freezer");
  if (directory === undefined) return false;
  if (cgroupMode() === "unified") writeFileSync(path.join(directory, "cgroup.freeze"), isFrozen ? "1" : "0");
  else writeFileSync(path.join(directory, "freezer.state"), isFrozen ? "FROZEN" : "THAWED");
  return true;
}

function removeCgroup(cgroupsPath: string): boolean {
  const roots =
    cgroupMode() === "unified"
      ? [CGROUP_ROOT]
      : readdirSync(CGROUP_ROOT, { withFileTypes: true })
          .filter((entry) => entry.isDirectory())
          .map((entry) => path.join(CGROUP_ROOT, entry.name));
  let isGone = true;
  for (const root of roots) {
    const directory = path.join(root, cgroupsPath);
    if (isRemoved(directory)) continue;
    for (const place of cgroupsBelow(directory).toReversed()) isRemoved(place);
    if (!isRemoved(directory)) isGone = false;
  }
  return isGone;
}

/** False when processes or other cgroups are in it. */
function isRemoved(directory: string): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    return errno(error) === "ENOENT";
  }
}

function readCgroupStats(cgroupsPath: string): CgroupStats | undefined {
  if (cgroupDirectory(cgroupsPath, "memory") === undefined) return undefined;
  return cgroupMode() === "unified"
    ? unifiedStatsAt(path.join(CGROUP_ROOT, cgroupsPath))
    : legacyStats(cgroupsPath);
}

/** What the files of a v2 cgroup's directory say. Source: Linux, admin-guide/cgroup-v2.rst. */
export function unifiedStatsAt(at: string): CgroupStats {
  const cpu = flatKeyed(at, "cpu.stat");
  return {
    memory: {
      usageBytes: numberOf(at, "memory.current") ?? 0,
      ...optional("maxUsageBytes", numberOf(at, "memory.peak")),
      ...optional("limitBytes", numberOf(at, "memory.max")),
      failures: flatKeyed(at, "memory.events")["oom"] ?? 0,
      stat: flatKeyed(at, "memory.stat"),
    },
    cpu: {
      usageNano: (cpu["usage_usec"] ?? 0) * 1000,
      userNano: (cpu["user_usec"] ?? 0) * 1000,
      systemNano: (cpu["system_usec"] ?? 0) * 1000,
      periods: cpu["nr_periods"] ?? 0,
      throttledPeriods: cpu["nr_throttled"] ?? 0,
      throttledNano: (cpu["throttled_usec"] ?? 0) * 1000,
    },
    pids: { current: numberOf(at, "pids.current") ?? 0, ...optional("limit", numberOf(at, "pids.max")) },
    blockIo: unifiedBlockIo(textOf(at, "io.stat") ?? ""),
  };
}

function unifiedBlockIo(text: string): CgroupStats["blockIo"] {
  return text.split("\n").flatMap((line) => {
    const [device, ...pairs] = line.split(" ");
    const [major, minor] = (device ?? "").split(":").map(Number);
    if (major === undefined || minor === undefined || Number.isNaN(major)) return [];
    const values = new Map(pairs.map((pair) => [pair.split("=")[0] ?? "", Number(pair.split("=")[1])]));
    const of = (name: string): number => values.get(name) ?? 0;
    return [
      { major, minor, operation: "read" as const, bytes: of("rbytes"), count: of("rios") },
      { major, minor, operation: "write" as const, bytes: of("wbytes"), count: of("wios") },
    ];
  });
}

/** The kernel shows "no limit" on v1 as the largest page-aligned 63-bit number. */
const UNLIMITED_BYTES = 2 ** 62;
const TICK_NANO = 10_000_000; // USER_HZ is 100 on every Linux that Node runs on

function legacyStats(cgroupsPath: string): CgroupStats {
  const at = (controller: string): string => path.join(CGROUP_ROOT, controller, cgroupsPath);
  const limit = numberOf(at("memory"), "memory.limit_in_bytes");
  const throttling = flatKeyed(at("cpu"), "cpu.stat");
  const ticks = flatKeyed(at("cpuacct"), "cpuacct.stat");
  const perCpu = textOf(at("cpuacct"), "cpuacct.usage_percpu")?.trim();
  return {
    memory: {
      usageBytes: numberOf(at("memory"), "memory.usage_in_bytes") ?? 0,
      ...optional("maxUsageBytes", numberOf(at("memory"), "memory.max_usage_in_bytes")),
      ...optional("limitBytes", limit === undefined || limit >= UNLIMITED_BYTES ? undefined : limit),
      failures: numberOf(at("memory"), "memory.failcnt") ?? 0,
      stat: flatKeyed(at("memory"), "memory.stat"),
    },
    cpu: {
      usageNano: numberOf(at("cpuacct"), "cpuacct.usage") ?? 0,
      userNano: (ticks["user"] ?? 0) * TICK_NANO,
      systemNano: (ticks["system"] ?? 0) * TICK_NANO,
      ...optional("perCpuNano", perCpu?.split(" ").map(Number)),
      periods: throttling["nr_periods"] ?? 0,
      throttledPeriods: throttling["nr_throttled"] ?? 0,
      throttledNano: throttling["throttled_time"] ?? 0,
    },
    pids: {
      current: numberOf(at("pids"), "pids.current") ?? 0,
      ...optional("limit", numberOf(at("pids"), "pids.max")),
    },
    blockIo: legacyBlockIo(at("blkio")),
  };
}

function legacyBlockIo(directory: string): CgroupStats["blockIo"] {
  const rows = (file: string): Map<string, number> =>
    new Map(
      (textOf(directory, file) ?? "").split("\n").map((line) => {
        const [device, operation, value] = line.split(" ");
        return [`${device} ${operation}`, Number(value)];
      }),
    );
  const bytes = rows("blkio.throttle.io_service_bytes");
  const counts = rows("blkio.throttle.io_serviced");
  return [...bytes].flatMap(([name, value]) => {
    const match = /^(\d+):(\d+) (Read|Write)$/.exec(name);
    if (match === null) return [];
    const operation = match[3] === "Read" ? ("read" as const) : ("write" as const);
    return [
      {
        major: Number(match[1]),
        minor: Number(match[2]),
        operation,
        bytes: value,
        count: counts.get(name) ?? 0,
      },
    ];
  });
}

function cgroupsBelow(directory: string): readonly string[] {
  try {
    return readdirSync(directory, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => path.join(entry.parentPath, entry.name));
  } catch {
    return [];
  }
}

function textOf(directory: string, file: string): string | undefined {
  try {
    return readFileSync(path.join(directory, file), "utf8");
  } catch {
    return undefined; // a cgroup may go at any moment, and kernels differ in their files
  }
}

function numberOf(directory: string, file: string): number | undefined {
  const text = textOf(directory, file)?.trim();
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

function flatKeyed(directory: string, file: string): Readonly<Record<string, number>> {
  const rows = (textOf(directory, file) ?? "").split("\n").map((line) => line.split(" "));
  return Object.fromEntries(
    rows.filter((row) => row.length === 2).map(([key, value]) => [key, Number(value)]),
  );
}

function optional<K extends string, V>(key: K, value: V | undefined): { readonly [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: V });
}
