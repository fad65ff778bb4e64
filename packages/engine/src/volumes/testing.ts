import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { copyTree } from "#host";
import { silentLogger, systemClock } from "#kernel";
import { FakeMounts } from "#testing/host";
import { memoryStore } from "#testing/store";
import type { Volumes, VolumeUse } from "./contract.ts";
import { openVolumeRoom, type VolumeHost, type VolumesDeps } from "./volume-room.ts";

/** Mounts are remembered instead of made; copying is the machine's, which asks for no right but to read. */
export function fakeVolumeHost(): VolumeHost {
  const mounts = new FakeMounts();
  return {
    mountDevice: (what, signal) => mounts.mountDevice(what, signal),
    unmountDevice: (target, signal) => mounts.unmountDevice(target, signal),
    isMountPoint: (target) => mounts.isMountPoint(target),
    copyTree,
  };
}

/** Volumes in a temporary folder, without root; the folder goes at dispose. */
export async function fakeVolumes(deps: Partial<VolumesDeps> = {}): Promise<Volumes> {
  const dataRoot = deps.dataRoot ?? (await mkdtemp(path.join(os.tmpdir(), "volumes-")));
  const room = await openVolumeRoom(
    {
      store: memoryStore(),
      events: openEvents(),
      log: silentLogger,
      clock: systemClock,
      ...deps,
      dataRoot,
    },
    fakeVolumeHost(),
    new AbortController().signal,
  );
  if (deps.dataRoot !== undefined) return room;
  return Object.assign(room, {
    [Symbol.asyncDispose]: async () => rm(dataRoot, { recursive: true, force: true }),
  });
}

/** A use by a container, for hold(). */
export const usedBy = (containerId: string): VolumeUse => ({
  containerId,
  destination: "/data",
  isWritable: true,
  propagation: "",
});
