import { cp, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import type { Volumes } from "./contract.ts";
import { openVolumeRoom, type VolumeHost, type VolumesDeps } from "./volume-room.ts";

/** A host that remembers mounts instead of making them, and copies without owners. */
export function fakeVolumeHost(): VolumeHost & { readonly mounted: ReadonlyMap<string, string> } {
  const mounted = new Map<string, string>();
  return {
    mounted,
    mountDevice: async ({ device, target }, signal) => {
      signal.throwIfAborted();
      if (!path.isAbsolute(device)) throw new Error(`mount: special device ${device} does not exist.`);
      mounted.set(target, device);
    },
    unmountDevice: async (target) => void mounted.delete(target),
    isMountPoint: async (target) => mounted.has(target),
    copyTree: async (source, target, signal) => {
      signal.throwIfAborted();
      await cp(source, target, { recursive: true, verbatimSymlinks: true });
    },
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
