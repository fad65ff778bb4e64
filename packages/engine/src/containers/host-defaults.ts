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
    PidsLimit: PidsLimit === 0 ? null : PidsLimit,
    MaskedPaths: host.Privileged ? host.MaskedPaths : (host.MaskedPaths ?? MASKED_PATHS),
    ReadonlyPaths: host.Privileged ? host.ReadonlyPaths : (host.ReadonlyPaths ?? READONLY_PATHS),
  };
}
