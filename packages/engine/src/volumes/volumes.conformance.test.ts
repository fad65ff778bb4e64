import { mkdir, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import { volumesConformance } from "./conformance.ts";
import { fakeVolumeHost, fakeVolumes } from "./testing.ts";
import { openVolumeRoom } from "./volume-room.ts";

volumesConformance("the fake", fakeVolumes);

test("openVolumes() takes in a folder without a record and ends a removal that was begun", async ({
  signal,
}) => {
  const dataRoot = await mkdtemp(path.join(os.tmpdir(), "volumes-"));
  try {
    await mkdir(path.join(dataRoot, "volumes", "lost", "_data"), { recursive: true });
    await writeFile(path.join(dataRoot, "volumes", "lost", "_data", "f"), "x");
    const half = path.join(dataRoot, "volumes", ".removed-gone-0123456789ab");
    await mkdir(half);
    const volumes = await openVolumeRoom(
      { store: memoryStore(), events: openEvents(), dataRoot, log: silentLogger, clock: systemClock },
      fakeVolumeHost(),
      signal,
    );
    expect(volumes.list().map(({ name }) => name)).toEqual(["lost"]);
    await expect(stat(half)).rejects.toMatchObject({ code: "ENOENT" });
  } finally {
    await rm(dataRoot, { recursive: true });
  }
});

test("copyUp() begins again after a copy that was cut short", async ({ signal }) => {
  const dataRoot = await mkdtemp(path.join(os.tmpdir(), "volumes-"));
  const source = path.join(dataRoot, "source");
  try {
    await mkdir(source);
    await writeFile(path.join(source, "whole"), "x");
    const host = fakeVolumeHost();
    let isFirst = true;
    const copyTree: typeof host.copyTree = async (from, target, abort) => {
      if (!isFirst) return host.copyTree(from, target, abort);
      isFirst = false;
      await writeFile(path.join(target, "half"), "x");
      throw new Error("no space left on device");
    };
    const volumes = await openVolumeRoom(
      { store: memoryStore(), events: openEvents(), dataRoot, log: silentLogger, clock: systemClock },
      { ...host, copyTree },
      signal,
    );
    const { mountpoint } = await volumes.create({ name: "data" }, signal);
    await expect(volumes.copyUp("data", source, signal)).rejects.toThrow("no space left on device");
    await volumes.copyUp("data", source, signal);
    await expect(stat(path.join(mountpoint, "half"))).rejects.toMatchObject({ code: "ENOENT" });
    expect((await stat(path.join(mountpoint, "whole"))).size).toBe(1);
  } finally {
    await rm(dataRoot, { recursive: true });
  }
});
