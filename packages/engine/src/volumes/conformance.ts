import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Volumes } from "./contract.ts";

/** What every Volumes does. `make` gives an empty one; disposing it cleans up. */
export function volumesConformance(what: string, make: () => Promise<Volumes>): void {
  describe(`${what} is Volumes`, () => {
    test("create() makes an empty folder and returns the same volume again", async ({ signal }) => {
      await using volumes = await make();
      const volume = await volumes.create({ name: "data", labels: { a: "b" } }, signal);
      expect(volume).toMatchObject({ name: "data", driver: "local", labels: { a: "b" }, isAnonymous: false });
      expect(await readdir(volume.mountpoint)).toEqual([]);
      expect((await stat(volume.mountpoint)).mode & 0o777).toBe(0o755);
      expect(await volumes.create({ name: "data" }, signal)).toEqual(volume);
      expect(volumes.get("data")).toEqual(volume);
    });

    test("create() without a name makes an anonymous one of 64 hex digits", async ({ signal }) => {
      await using volumes = await make();
      const volume = await volumes.create({}, signal);
      expect(volume.name).toMatch(/^[0-9a-f]{64}$/);
      expect(volume.isAnonymous).toBe(true);
    });

    test.for([
      [{ name: "a/b" }, "invalid", /includes invalid characters for a local volume name/],
      [{ name: "../up" }, "invalid", /includes invalid characters/],
      [{ name: "a" }, "invalid", /volume name is too short/],
      [{ name: "xx", options: { colour: "red" } }, "invalid", /invalid option: "colour"/],
      [{ name: "xx", options: { type: "tmpfs" } }, "invalid", /missing required option: "device"/],
      [{ name: "xx", driver: "nobody" }, "not_found", /plugin "nobody" not found/],
    ] as const)("create(%j) is refused as %s", async ([spec, kind, message], { signal }) => {
      await using volumes = await make();
      await expect(volumes.create(spec, signal)).rejects.toMatchObject({
        kind,
        message: expect.stringMatching(message),
      });
      expect(volumes.list()).toEqual([]);
    });

    test("create() of another kind under a taken name is a conflict", async ({ signal }) => {
      await using volumes = await make();
      await volumes.create({ name: "data" }, signal);
      const again = volumes.create({ name: "data", options: { type: "tmpfs", device: "/x" } }, signal);
      await expect(again).rejects.toMatchObject({ kind: "conflict" });
    });

    test("diskBytes() counts blocks, holes not, and hard links once", async ({ signal }) => {
      await using volumes = await make();
      const { mountpoint } = await volumes.create({ name: "data" }, signal);
      const empty = await volumes.diskBytes("data", signal);
      await writeFile(path.join(mountpoint, "f"), Buffer.alloc(1_000_000, 1));
      await link(path.join(mountpoint, "f"), path.join(mountpoint, "same"));
      await truncate(path.join(mountpoint, "f"), 50_000_000);
      const bytes = (await volumes.diskBytes("data", signal)) - empty;
      expect(bytes).toBeGreaterThanOrEqual(1_000_000);
      expect(bytes).toBeLessThan(1_200_000);
      expect(await volumes.usageBytes("data", signal)).toBe(50_000_000);
    });

    test("remove() refuses while a container references the volume, then removes its data", async ({
      signal,
    }) => {
      await using volumes = await make();
      const { mountpoint } = await volumes.create({ name: "data" }, signal);
      volumes.reference("data", "c1");
      volumes.reference("data", "c2");
      await expect(volumes.remove("data", { isForced: true })).rejects.toMatchObject({
        kind: "conflict",
        message: "remove data: volume is in use - [c1, c2]",
      });
      volumes.unreference("c1");
      volumes.unreference("c2");
      await volumes.remove("data", { isForced: false });
      await expect(stat(mountpoint)).rejects.toMatchObject({ code: "ENOENT" });
      expect(() => volumes.get("data")).toThrow("get data: no such volume");
      await expect(volumes.remove("data", { isForced: false })).rejects.toMatchObject({ kind: "not_found" });
      await volumes.remove("data", { isForced: true });
    });

    test("copyUp() fills an empty volume, and leaves a filled one alone", async ({ signal }) => {
      await using volumes = await make();
      const source = await mkdtemp(path.join(os.tmpdir(), "copy-up-"));
      try {
        await mkdir(path.join(source, "folder"));
        await writeFile(path.join(source, "folder", "file"), "from the image");
        const { mountpoint } = await volumes.create({ name: "data" }, signal);
        await volumes.copyUp("data", source, signal);
        const copied = path.join(mountpoint, "folder", "file");
        expect(await readFile(copied, "utf8")).toBe("from the image");
        await writeFile(copied, "mine");
        await volumes.copyUp("data", source, signal);
        expect(await readFile(copied, "utf8")).toBe("mine");
        expect(await volumes.usageBytes("data", signal)).toBe(4);
      } finally {
        await rm(source, { recursive: true });
      }
    });

    test("hold() with an aborted signal rejects with its reason and holds nothing", async ({ signal }) => {
      await using volumes = await make();
      await volumes.create({ name: "data" }, signal);
      const reason = new Error("client went away");
      await expect(volumes.hold("data", "c1", AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(volumes.usedBy("data")).toEqual([]);
    });

    test("prune() removes what matches and nobody uses, and counts its bytes", async ({ signal }) => {
      await using volumes = await make();
      const used = await volumes.create({ name: "used" }, signal);
      const idle = await volumes.create({ name: "idle" }, signal);
      await writeFile(path.join(idle.mountpoint, "f"), Buffer.alloc(1000));
      await volumes.hold("used", "c1", signal);
      expect(await volumes.prune(() => true)).toEqual({ removed: ["idle"], reclaimedBytes: 1000 });
      expect(volumes.list()).toEqual([used]);
      await volumes.release("used", "c1");
      expect(await volumes.prune(() => false)).toEqual({ removed: [], reclaimedBytes: 0 });
    });
  });
}
