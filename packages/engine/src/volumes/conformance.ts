import { link, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Volumes } from "./contract.ts";
import { usedBy } from "./testing.ts";

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
      const options = { type: "tmpfs", device: "tmpfs" };
      expect(await volumes.create({ name: "data", options, labels: { a: "c" } }, signal)).toEqual(volume);
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

    test("create() by another driver under a taken name is a conflict", async ({ signal }) => {
      await using volumes = await make();
      await volumes.create({ name: "data" }, signal);
      const again = volumes.create({ name: "data", driver: "other" }, signal);
      await expect(again).rejects.toMatchObject({ kind: "conflict" });
    });

    test("discard() frees the name, and restore() brings the data back, under another name if that was taken", async ({
      signal,
    }) => {
      await using volumes = await make();
      const { mountpoint } = await volumes.create({ name: "data", labels: { a: "b" } }, signal);
      await writeFile(path.join(mountpoint, "f"), "old");
      const key = await volumes.discard("data", {});
      expect([
        volumes.list(),
        volumes.trashed().map((one) => [one.key, one.volume.name, one.isKept]),
      ]).toEqual([[], [[key, "data", false]]]);
      await expect(stat(mountpoint)).rejects.toMatchObject({ code: "ENOENT" });
      const next = await volumes.create({ name: "data" }, signal);
      expect(await readdir(next.mountpoint)).toEqual([]);
      await expect(volumes.restore(key, {})).rejects.toMatchObject({
        kind: "conflict",
        message: 'cannot restore volume "data": the name "data" was taken meanwhile, want another name',
      });
      const back = await volumes.restore(key, { name: "back" });
      expect([back.name, back.labels, volumes.get("back")]).toEqual(["back", { a: "b" }, back]);
      expect(await readFile(path.join(back.mountpoint, "f"), "utf8")).toBe("old");
      expect(volumes.trashed()).toEqual([]);
      await expect(volumes.restore(key, {})).rejects.toMatchObject({ kind: "not_found" });
    });

    test("purge() takes the data; discard() refuses what is used and what is not there", async ({
      signal,
    }) => {
      await using volumes = await make();
      await volumes.create({ name: "data" }, signal);
      volumes.reference("data", "c1");
      await expect(volumes.discard("data", {})).rejects.toMatchObject({ kind: "conflict" });
      await expect(volumes.discard("none", {})).rejects.toMatchObject({ kind: "not_found" });
      volumes.unreference("c1");
      const key = await volumes.discard("data", {});
      await volumes.purge(key);
      await volumes.purge(key);
      expect([volumes.list(), volumes.trashed()]).toEqual([[], []]);
    });

    test("what a container in the trash has mounted outlives remove(), prune() and purge(), until it is forgone", async ({
      signal,
    }) => {
      await using volumes = await make();
      for (const name of ["removed", "pruned", "purged", "loose"]) {
        const { mountpoint } = await volumes.create({ name }, signal);
        await writeFile(path.join(mountpoint, "f"), name);
      }
      for (const name of ["removed", "pruned", "purged"]) volumes.expect(name, "c1");
      volumes.expect("removed", "c2");
      await volumes.remove("removed", { isForced: false });
      await volumes.purge(await volumes.discard("purged", {}));
      const { removed, reclaimedBytes } = await volumes.prune(() => true);
      expect([removed, reclaimedBytes]).toEqual([["pruned", "loose"], "loose".length]);
      expect(volumes.list()).toEqual([]);
      const kept = (id: string): readonly string[] => volumes.keptFor(id).map(({ volume }) => volume.name);
      expect([kept("c1"), kept("c2")]).toEqual([["removed", "purged", "pruned"], ["removed"]]);
      // The next volume of that name is none of theirs.
      await volumes.create({ name: "removed" }, signal);
      volumes.expect("removed", "c1");
      await volumes.remove("removed", { isForced: false });
      expect(kept("c1")).toHaveLength(3);
      const shared = volumes.keptFor("c2")[0]?.key ?? "";
      await expect(volumes.restore(shared, { name: "other" })).rejects.toMatchObject({ kind: "conflict" });
      await expect(volumes.renameInTrash(shared, "other", "c2")).rejects.toMatchObject({
        kind: "conflict",
        message: 'cannot restore volume "removed" as "other": containers in the trash have it mounted - [c1]',
      });
      await volumes.forgo("c1");
      expect(volumes.trashed().map(({ volume, neededBy }) => [volume.name, neededBy])).toEqual([
        ["removed", ["c2"]],
      ]);
      await volumes.renameInTrash(shared, "other", "c2");
      const back = await volumes.restore(shared, {});
      expect(back.name).toBe("other");
      expect(await readFile(path.join(back.mountpoint, "f"), "utf8")).toBe("removed");
    });

    test("prune() into the trash gives nothing back yet, and the keys", async ({ signal }) => {
      await using volumes = await make();
      const { mountpoint } = await volumes.create({ name: "data" }, signal);
      await writeFile(path.join(mountpoint, "f"), "text");
      const { removed, reclaimedBytes, discarded } = await volumes.prune(() => true, { isDiscarding: true });
      expect([removed, reclaimedBytes]).toEqual([["data"], 0]);
      expect(volumes.trashed().map(({ key }) => key)).toEqual(discarded);
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
      await expect(volumes.hold("data", usedBy("c1"), AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(volumes.usedBy("data")).toEqual([]);
    });

    test("prune() removes what matches and nobody uses, and counts its bytes", async ({ signal }) => {
      await using volumes = await make();
      const used = await volumes.create({ name: "used" }, signal);
      const idle = await volumes.create({ name: "idle" }, signal);
      await writeFile(path.join(idle.mountpoint, "f"), Buffer.alloc(1000));
      await volumes.hold("used", usedBy("c1"), signal);
      expect(await volumes.prune(() => true)).toMatchObject({ removed: ["idle"], reclaimedBytes: 1000 });
      expect(volumes.list()).toEqual([used]);
      await volumes.release("used", "c1");
      expect(await volumes.prune(() => false)).toEqual({ removed: [], reclaimedBytes: 0, discarded: [] });
    });
  });
}
