import { LongshoreError } from "#kernel";
import type { RuntimeResources } from "#spec";
import type { HostSettings, ThrottleDevice } from "../settings.ts";
import type { DeviceNode } from "./build-document.ts";

/** Device rules that every container gets: nothing, then the harmless character devices, mknod of any. */
const DEVICE_RULES: NonNullable<RuntimeResources["devices"]> = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 1, access: "rwm" },
  { allow: false, type: "c", major: 10, minor: 229, access: "rwm" },
];

/** Host path of a block device -> its numbers. */
export type DeviceNumbers = ReadonlyMap<string, { readonly major: number; readonly minor: number }>;

/** Limits and device rules of a new container as the OCI document wants them. */
export function resourcesOf(
  host: HostSettings,
  devices: readonly DeviceNode[],
  numbersOf: DeviceNumbers,
): RuntimeResources {
  const deviceRules = host.Privileged
    ? [{ allow: true, access: "rwm" }]
    : [
        ...DEVICE_RULES,
        ...devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access })),
        ...(host.DeviceCgroupRules ?? []).map(parseDeviceRule),
      ];
  return { devices: deviceRules, ...limitsOf(host, numbersOf) };
}

/** The kernel has no more process ids (PID_MAX_LIMIT): the way to say "unlimited" that crun can write. */
const MAX_PIDS = 4_194_304;
/** 11 days of processor time in each period: another way, where crun writes -1 as a number without a sign (cgroup v1). */
const MAX_QUOTA = 1_000_000_000_000;
const PERIOD = 100_000;

/** What a running container can be given anew: its limits; device rules stay as they are. A limit of `before` taken away is said as unlimited. */
export function updatedResources(
  host: HostSettings,
  numbersOf: DeviceNumbers,
  before: HostSettings,
): RuntimeResources {
  const limits = limitsOf(host, numbersOf);
  const hadPids = (before.PidsLimit ?? 0) > 0;
  const isQuotaGone = before.CpuQuota > 0 && host.CpuQuota < 0 && host.NanoCpus <= 0;
  return {
    ...limits,
    ...(hadPids && limits.pids === undefined && { pids: { limit: MAX_PIDS } }),
    ...(isQuotaGone && { cpu: { ...limits.cpu, quota: MAX_QUOTA, period: limits.cpu?.period ?? PERIOD } }),
  };
}

function limitsOf(host: HostSettings, numbersOf: DeviceNumbers): Omit<RuntimeResources, "devices"> {
  const quota = host.NanoCpus > 0 ? Math.round(host.NanoCpus / 10_000) : Math.max(host.CpuQuota, 0);
  const period = host.NanoCpus > 0 ? PERIOD : host.CpuPeriod;
  const memory = {
    ...(host.Memory > 0 && { limit: host.Memory }),
    ...(host.MemoryReservation > 0 && { reservation: host.MemoryReservation }),
    ...swapOf(host),
    ...((host.KernelMemoryTCP ?? 0) > 0 && { kernelTCP: host.KernelMemoryTCP }),
    ...(host.MemorySwappiness !== null &&
      host.MemorySwappiness >= 0 && { swappiness: host.MemorySwappiness }),
    ...(host.OomKillDisable === true && { disableOOMKiller: true }),
  };
  const cpu = {
    ...(host.CpuShares > 0 && { shares: host.CpuShares }),
    ...(quota !== 0 && { quota }),
    ...(period > 0 && { period }),
    ...(host.CpusetCpus !== "" && { cpus: host.CpusetCpus }),
    ...(host.CpusetMems !== "" && { mems: host.CpusetMems }),
    ...(host.CpuRealtimePeriod > 0 && { realtimePeriod: host.CpuRealtimePeriod }),
    ...(host.CpuRealtimeRuntime > 0 && { realtimeRuntime: host.CpuRealtimeRuntime }),
  };
  const blockIO = blockIoOf(host, numbersOf);
  return {
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...((host.PidsLimit ?? 0) > 0 && { pids: { limit: host.PidsLimit ?? 0 } }),
    ...(Object.keys(blockIO).length > 0 && { blockIO }),
  };
}

function blockIoOf(host: HostSettings, numbersOf: DeviceNumbers): Readonly<Record<string, unknown>> {
  const throttled = (devices: readonly ThrottleDevice[] | undefined, key: string): object =>
    devices === undefined || devices.length === 0
      ? {}
      : { [key]: devices.map(({ Path, Rate }) => ({ ...numbersOf.get(Path), rate: Rate })) };
  const weights = host.BlkioWeightDevice ?? [];
  return {
    ...(host.BlkioWeight > 0 && { weight: host.BlkioWeight }),
    ...(weights.length > 0 && {
      weightDevice: weights.map(({ Path, Weight }) => ({ ...numbersOf.get(Path), weight: Weight })),
    }),
    ...throttled(host.BlkioDeviceReadBps, "throttleReadBpsDevice"),
    ...throttled(host.BlkioDeviceWriteBps, "throttleWriteBpsDevice"),
    ...throttled(host.BlkioDeviceReadIOps, "throttleReadIOPSDevice"),
    ...throttled(host.BlkioDeviceWriteIOps, "throttleWriteIOPSDevice"),
  };
}

/** Docker's rule: a memory limit without a swap limit means as much swap again; -1 means unlimited. */
function swapOf(host: HostSettings): { swap?: number } {
  if (host.MemorySwap !== 0) return { swap: Math.max(host.MemorySwap, -1) };
  return host.Memory > 0 ? { swap: host.Memory * 2 } : {};
}

/** `c 1:* rwm`. Throws `invalid` in Docker's words for what is no rule. */
export function checkDeviceRules(rules: readonly string[]): void {
  for (const rule of rules) parseDeviceRule(rule);
}

function parseDeviceRule(rule: string): NonNullable<RuntimeResources["devices"]>[number] {
  const [, type, major = "", minor = "", access = ""] =
    /^([acb]) (\d{1,9}|\*):(\d{1,9}|\*) ([rwm]{1,3})$/.exec(rule) ?? [];
  if (type === undefined) throw new LongshoreError("invalid", `invalid device cgroup rule format: '${rule}'`);
  return {
    allow: true,
    type,
    ...(major !== "*" && { major: Number(major) }),
    ...(minor !== "*" && { minor: Number(minor) }),
    access,
  };
}
