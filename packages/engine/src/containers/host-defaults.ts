import { MASKED_PATHS, READONLY_PATHS } from "./document/paths.ts";
import type { HostSettings } from "./settings.ts";

/**
 * What Docker decides at create where a request leaves it open, so that inspect tells what holds: namespaces, masked paths, swap.
 * Source: Docker Engine, HostConfig of a created container.
 */
export function withHostDefaults(host: HostSettings, isCgroupV2: boolean, runtimeName: string): HostSettings {
  const { MemorySwappiness, PidsLimit } = host;
  return {
    ...host,
    CgroupnsMode: host.CgroupnsMode === "" ? (isCgroupV2 ? "private" : "host") : host.CgroupnsMode,
    Runtime: host.Runtime === "" ? runtimeName : host.Runtime,
    IpcMode: host.IpcMode === "" ? "private" : host.IpcMode,
    MemorySwap: host.Memory > 0 && host.MemorySwap === 0 ? host.Memory * 2 : host.MemorySwap,
    MemorySwappiness: MemorySwappiness === -1 ? null : MemorySwappiness,
    OomKillDisable: host.OomKillDisable ?? (isCgroupV2 ? null : false),
    PidsLimit: PidsLimit !== null && PidsLimit <= 0 ? null : PidsLimit,
    CpuPercent: 0,
    SecurityOpt: withoutLabels(host),
    MaskedPaths: host.Privileged ? host.MaskedPaths : (host.MaskedPaths ?? MASKED_PATHS),
    ReadonlyPaths: host.Privileged ? host.ReadonlyPaths : (host.ReadonlyPaths ?? READONLY_PATHS),
  };
}

/** Docker tells of a container that shares the host's processes or IPC that it has no label. */
function withoutLabels({
  SecurityOpt,
  Privileged,
  PidMode,
  IpcMode,
}: HostSettings): HostSettings["SecurityOpt"] {
  const isNear = Privileged || PidMode === "host" || IpcMode === "host";
  const isLabelled = (SecurityOpt ?? []).some((option) => /^label[=:]/.test(option));
  return isNear && !isLabelled ? [...(SecurityOpt ?? []), "label=disable"] : SecurityOpt;
}
