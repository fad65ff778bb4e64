import { mkdir, mkdtemp, realpath, rm, symlink } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Cgroups, Mounts } from "./contract.ts";

export { networkConformance } from "./network-conformance.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await realpath(await mkdtemp(path.join(os.tmpdir(), "longshore-mounts-")));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What every Mounts does. The suite unmounts whatever it mounts. */
export function mountsConformance(what: string, make: () => Mounts): void {
  describe(`${what} is Mounts`, () => {
    test("mountTmpfs() and unmount() nest on one place; nothing there is unmounted", () =>
      inFolder(async (folder) => {
        const mounts = make();
        for (let count = 0; count < 2; count++) mounts.mountTmpfs(folder, 65_536);
        mounts.unmount(folder);
        expect(await mounts.isMountPoint(folder)).toBe(true);
        mounts.unmount(folder);
        expect(await mounts.isMountPoint(folder)).toBe(false);
        mounts.unmount(folder);
        mounts.unmount(path.join(folder, "nothing"));
      }));

    test("mountTmpfs() without the folder throws ENOENT", () =>
      inFolder(async (folder) => {
        expect(() => make().mountTmpfs(path.join(folder, "nothing"), 65_536)).toThrow(
          expect.objectContaining({ code: "ENOENT" }),
        );
      }));

    test("isMountPoint() is true for just the place, by a link and with odd names too", () =>
      inFolder(async (folder) => {
        const mounts = make();
        const place = path.join(folder, "a place\\of\tits own");
        await mkdir(place);
        await symlink(place, path.join(folder, "link"));
        mounts.mountTmpfs(path.join(folder, "link"), 65_536);
        try {
          expect(await mounts.isMountPoint(place)).toBe(true);
          expect(await mounts.isMountPoint(path.join(folder, "link"))).toBe(true);
          expect(await mounts.isMountPoint(folder)).toBe(false);
        } finally {
          mounts.unmount(place);
        }
        await expect(mounts.isMountPoint(path.join(folder, "nothing"))).rejects.toMatchObject({
          code: "ENOENT",
        });
      }));

    test("mountDevice() binds a folder and mounts a tmpfs; unmountDevice() takes each away", ({ signal }) =>
      inFolder(async (folder) => {
        const mounts = make();
        const [source, target] = [path.join(folder, "source"), path.join(folder, "target")];
        await mkdir(source);
        await mkdir(target);
        for (const how of [
          { device: source, type: "none", options: "ro,bind" },
          { device: "anything", type: "tmpfs", options: "size=64k" },
        ]) {
          await mounts.mountDevice({ ...how, target }, signal);
          expect(await mounts.isMountPoint(target)).toBe(true);
          await mounts.unmountDevice(target, signal);
          expect(await mounts.isMountPoint(target)).toBe(false);
        }
      }));

    test.for([
      [
        "a bind source that is not there",
        { device: "nothing", options: "bind" },
        /special device .* does not exist/,
      ],
      ["a target that is not there", { target: "nothing" }, /mount point does not exist/],
      ["a file system that is none", { type: "lshtfs" }, /unknown filesystem type 'lshtfs'/],
    ] as const)("mountDevice() refuses %s in mount's words", ([, change, message], { signal }) =>
      inFolder(async (folder) => {
        const mounts = make();
        await mkdir(path.join(folder, "target"));
        const spec = { device: ".", type: "tmpfs", options: "", target: "target", ...change };
        const given = {
          ...spec,
          device: path.join(folder, spec.device),
          target: path.join(folder, spec.target),
        };
        await expect(mounts.mountDevice(given, signal)).rejects.toMatchObject({
          kind: "internal",
          message: expect.stringMatching(message),
        });
        expect(await mounts.isMountPoint(path.join(folder, "target"))).toBe(false);
      }),
    );

    test("unmountDevice() of what is not mounted is refused", ({ signal }) =>
      inFolder(async (folder) => {
        await expect(make().unmountDevice(folder, signal)).rejects.toMatchObject({
          kind: "internal",
          message: expect.stringContaining("not mounted"),
        });
      }));

    test("mountDevice() with an aborted signal rejects with its reason and mounts nothing", () =>
      inFolder(async (folder) => {
        const mounts = make();
        const reason = new Error("client went away");
        const mounting = mounts.mountDevice(
          { device: "x", type: "tmpfs", options: "", target: folder },
          AbortSignal.abort(reason),
        );
        await expect(mounting).rejects.toBe(reason);
        expect(await mounts.isMountPoint(folder)).toBe(false);
      }));
  });
}

/** Cgroups to look at. Disposing it ends its processes and removes what it made. */
export interface CgroupPlace extends AsyncDisposable {
  readonly cgroups: Cgroups;
  /** A cgroup of our own; others are made below it. */
  readonly path: string;
  create(
    cgroupsPath: string,
    limits?: { readonly memoryBytes?: number; readonly pids?: number },
  ): Promise<void>;
  /** Starts a process in it. */
  start(cgroupsPath: string): Promise<number>;
  /** Ends a process and waits until it is gone. */
  end(pid: number): Promise<void>;
  isFrozen(cgroupsPath: string): Promise<boolean>;
}

/** What every Cgroups does. */
export function cgroupsConformance(what: string, make: () => Promise<CgroupPlace>): void {
  describe(`${what} is Cgroups`, () => {
    test("one that is not there has nothing and is removed already", async () => {
      await using place = await make();
      const { cgroups } = place;
      const gone = `${place.path}/gone`;
      expect(cgroups.stats(gone)).toBeUndefined();
      expect(cgroups.pids(gone)).toEqual([]);
      expect(cgroups.oomKillCount(gone)).toBe(0);
      expect(cgroups.setFrozen(gone, true)).toBe(false);
      expect(cgroups.remove(gone)).toBe(true);
    });

    test("pids() names each process of it and below it, and nobody beside it", async () => {
      await using place = await make();
      const one = `${place.path}/one`;
      for (const name of [one, `${one}/below`, `${one}-beside`]) await place.create(name);
      const [own, below, beside] = [
        await place.start(one),
        await place.start(`${one}/below`),
        await place.start(`${one}-beside`),
      ];
      expect(place.cgroups.pids(one).toSorted((a, b) => a - b)).toEqual(
        [own, below].sort((a, b) => (a ?? 0) - (b ?? 0)),
      );
      expect(place.cgroups.pids(`${one}-beside`)).toEqual([beside]);
      await place.end(below);
      expect(place.cgroups.pids(one)).toEqual([own]);
    });

    test("stats() counts processes and knows a limit only where there is one", async () => {
      await using place = await make();
      const [free, limited] = [`${place.path}/free`, `${place.path}/limited`];
      await place.create(free);
      await place.create(limited, { memoryBytes: 64 * 1024 * 1024, pids: 20 });
      await place.start(limited);
      expect(place.cgroups.stats(free)?.pids).toEqual({ current: 0 });
      expect(place.cgroups.stats(free)?.memory.limitBytes).toBeUndefined();
      expect(place.cgroups.stats(limited)).toMatchObject({
        pids: { current: 1, limit: 20 },
        memory: { limitBytes: 64 * 1024 * 1024, failures: 0 },
        cpu: { throttledPeriods: 0 },
      });
    });

    test("setFrozen() stops and continues; twice is the same", async () => {
      await using place = await make();
      const one = `${place.path}/one`;
      await place.create(one);
      const pid = await place.start(one);
      for (const isFrozen of [true, true, false, false]) {
        expect(place.cgroups.setFrozen(one, isFrozen)).toBe(true);
        await expect.poll(() => place.isFrozen(one), { interval: 5 }).toBe(isFrozen);
      }
      expect(place.cgroups.pids(one)).toEqual([pid]);
    });

    test("remove() refuses while a process is in it or below it, then takes all of it", async () => {
      await using place = await make();
      const { cgroups } = place;
      const one = `${place.path}/one`;
      for (const name of [one, `${one}/below`, `${one}/empty`, `${one}-beside`]) await place.create(name);
      const pid = await place.start(`${one}/below`);
      expect(cgroups.remove(one)).toBe(false);
      expect(cgroups.pids(one)).toEqual([pid]);
      await place.end(pid);
      expect(cgroups.remove(one)).toBe(true);
      expect(cgroups.stats(one)).toBeUndefined();
      expect(cgroups.stats(`${one}/below`)).toBeUndefined();
      expect(cgroups.stats(`${one}-beside`)).toBeDefined();
      expect(cgroups.remove(one)).toBe(true);
    });
  });
}
