import { copyTree, linuxMounts } from "#host";
import type { Volumes } from "./contract.ts";
import { openVolumeRoom, type VolumesDeps } from "./volume-room.ts";

export type * from "./contract.ts";
export type { VolumesDeps } from "./volume-room.ts";

/** Opens the room with its folder DATA_ROOT/volumes. */
export async function openVolumes(deps: VolumesDeps, signal: AbortSignal): Promise<Volumes> {
  return openVolumeRoom(deps, { ...linuxMounts, copyTree }, signal);
}
