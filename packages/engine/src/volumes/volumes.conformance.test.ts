import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { keepingStore, memoryStore } from "#testing/store";
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

test("openVolumes() ends a move into the trash or out of it that a crash cut short: in the trash", async ({
  signal,
}) => {
  const dataRoot = await mkdtemp(path.join(os.tmpdir(), "volumes-"));
  try {
    const kept = keepingStore();
    const open = (): ReturnType<typeof openVolumeRoom> =>
      openVolumeRoom(
        { store: kept(), events: openEvents(), dataRoot, log: silentLogger, clock: systemClock },
        fakeVolumeHost(),
        signal,
      );
    const volumes = await open();
    const place = (...names: readonly string[]): string => path.join(dataRoot, ...names);
    for (const name of ["one", "two", "gone"]) {
      const { mountpoint } = await volumes.create({ name }, signal);
      await writeFile(path.join(mountpoint, "f"), name);
    }
    const [one, two, gone] = [
      await volumes.discard("one", {}),
      await volumes.discard("two", {}),
      await volumes.discard("gone", {}),
    ];
    // As after a death between a record and its folder.
    await rename(place("trash/volumes", one), place("volumes/one"));
    await rename(place("trash/volumes", gone), place("trash/volumes", `.removed-${gone}`));
    await mkdir(place("trash/volumes/unknown"));
    const next = await open();
    expect(next.list()).toEqual([]);
    expect(next.trashed().map(({ key }) => key)).toEqual([one, two]);
    expect(await readdir(place("volumes"))).toEqual([]);
    expect((await readdir(place("trash/volumes"))).toSorted()).toEqual([one, two, "unknown"].toSorted());
    const back = await next.restore(one, {});
    expect((await stat(path.join(back.mountpoint, "f"))).size).toBe(3);
  } finally {
    await rm(dataRoot, { recursive: true });
  }
});
