import { describe, expect, test } from "vitest";
import { imageIdOf, type ImageRecipe, ociLayout, tarOf } from "@longshore/testkit";
import { type Digest, digestOf, type ImageConfig, parseReference } from "#spec";
import type { ImageUse } from "./contract.ts";
import {
  forced,
  here,
  layer,
  load,
  never,
  once,
  quiet,
  recipe,
  rest,
  short,
  told,
  type ImagesUnderTest,
  usual,
} from "./ground-conformance.ts";

/** What every Images does. `make` gives an empty room. */
export function imagesConformance(what: string, make: () => Promise<ImagesUnderTest>): void {
  describe(`${what} is Images`, () => {
    test("load() of what save() wrote gives the same image; names move with a word about it", async () => {
      await using under = await make();
      const { images } = under;
      const first = recipe("c/app:1", layer("a"), layer("b"));
      expect(await load(images, first)).toEqual(["Loaded image: c/app:1\n"]);
      const image = images.get("c/app:1");
      expect(told(under)).toEqual([`load ${image.id}`]);
      expect([image.id, image.chain.length, image.sizeBytes]).toEqual([imageIdOf(first), 2, 2]);
      const saved = Buffer.concat(await Array.fromAsync(images.save(["c/app:1"], never)));
      await images.remove("c/app:1", usual);
      expect(await rest(under)).toEqual([]);
      expect(await images.load(once(saved), {}, quiet, never)).toEqual([image.id]);
      expect(images.get("c/app:1")).toMatchObject({ id: image.id, chain: image.chain });
      expect(await load(images, recipe("c/app:1", layer("c")))).toEqual([
        `The image c/app:1 already exists, renaming the old one with ID ${image.id} to empty string\n`,
        "Loaded image: c/app:1\n",
      ]);
      expect(images.get(image.id).repoTags).toEqual([]);
    });

    test("load() of a layout takes this machine's image; what is spoilt leaves nothing", async () => {
      await using under = await make();
      const recipes = [here, "s390x"].map((architecture) => ({
        ...recipe("c/multi:1", layer(architecture)),
        architecture,
      }));
      const before = await rest(under);
      for (const firstLayer of ["truncate", "flip", "omit"] as const)
        await expect(
          under.images.load(once(ociLayout(recipes, { firstLayer })), {}, quiet, never),
        ).rejects.toMatchObject({ kind: "invalid" });
      for (const archive of [tarOf([]), tarOf([{ name: "manifest.json", data: "{" }])])
        await expect(under.images.load(once(archive), {}, quiet, never)).rejects.toMatchObject({
          kind: "invalid",
        });
      expect(await rest(under)).toEqual(before);
      expect(await under.images.load(once(ociLayout(recipes)), {}, quiet, never)).toEqual([
        imageIdOf(recipes[0] as ImageRecipe),
      ]);
    });

    test("get() finds by name, digest and short id, a name before an id, and says what there is not", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:latest", layer("a")));
      const { id } = images.get("c/app");
      for (const name of ["docker.io/c/app:latest", id, id.slice(7), short(id), `sha256:${short(id)}`])
        expect(images.get(name).id).toBe(id);
      await load(images, recipe(`${short(id)}:latest`, layer("b")));
      expect(images.get(short(id)).id).not.toBe(id);
      expect(images.get(id).id).toBe(id);
      for (const [name, shown] of [
        ["c/none", "c/none:latest"],
        ["none:1", "none:1"],
        ["0123456789ab", "0123456789ab"],
      ] as const)
        expect(() => images.get(name)).toThrow(
          expect.objectContaining({ kind: "not_found", message: `No such image: ${shown}` }),
        );
      expect(() => images.save(["c/none"], never)).not.toThrow();
      await expect(Array.fromAsync(images.save(["c/none"], never))).rejects.toMatchObject({
        kind: "not_found",
      });
    });

    test("remove() by name takes the name, with the last one the image, its layers and its blobs", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("a"), layer("b")));
      await images.tag("c/app:1", parseReference("c/app:2"));
      const { id, chain } = images.get("c/app:2");
      expect(images.get(id).repoTags).toEqual(["c/app:1", "c/app:2"]);
      expect(await images.remove("c/app:1", usual)).toEqual([{ untagged: "c/app:1" }]);
      expect(await images.remove("c/app:2", usual)).toEqual([
        { untagged: "c/app:2" },
        { deleted: id },
        ...chain.toReversed().map((chainId) => ({ deleted: chainId })),
      ]);
      expect(told(under).slice(-3)).toEqual([`untag ${id}`, `untag ${id}`, `delete ${id}`]);
      expect(await rest(under)).toEqual([]);
    });

    test("remove() by id of what has names of several repositories must be forced", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("a")));
      await images.tag("c/app:1", parseReference("c/other:1"));
      const { id } = images.get("c/app:1");
      await expect(images.remove(short(id), usual)).rejects.toMatchObject({
        kind: "conflict",
        message: `conflict: unable to delete ${short(id)} (must be forced) - image is referenced in multiple repositories`,
      });
      const lines = await images.remove(id, forced);
      expect(lines.slice(0, 3)).toEqual([
        { untagged: "c/app:1" },
        { untagged: "c/other:1" },
        { deleted: id },
      ]);
    });

    test("remove() of what containers use is refused in Docker's words", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("a")));
      const { id } = images.get("c/app:1");
      let uses: readonly ImageUse[] = [{ imageId: id, containerId: "c".repeat(64), isRunning: true }];
      images.onUse(() => uses);
      const container = "c".repeat(12);
      await expect(images.remove("c/app:1", usual)).rejects.toMatchObject({
        kind: "conflict",
        message: `conflict: unable to remove repository reference "c/app:1" (must force) - container ${container} is using its referenced image ${short(id)}`,
      });
      await expect(images.remove(id, forced)).rejects.toMatchObject({
        message: `conflict: unable to delete ${short(id)} (cannot be forced) - image is being used by running container ${container}`,
      });
      uses = [{ imageId: id, containerId: "c".repeat(64), isRunning: false }];
      await expect(images.remove(id, usual)).rejects.toMatchObject({
        message: `conflict: unable to delete ${short(id)} (must be forced) - image is being used by stopped container ${container}`,
      });
      expect(await images.prune({ isDanglingOnly: false })).toEqual({
        removed: [],
        reclaimedBytes: 0,
        discarded: [],
      });
      expect((await images.remove(id, forced)).slice(0, 2)).toEqual([
        { untagged: "c/app:1" },
        { deleted: id },
      ]);
    });

    test("discard() is remove() that keeps layers and blobs, and restore() brings names and sharing back", async () => {
      await using under = await make();
      const { images, layers } = under;
      await load(images, recipe("c/app:1", layer("base"), layer("a")));
      await load(images, recipe("c/other:1", layer("base"), layer("b")));
      await images.tag("c/app:1", parseReference("c/app:2"));
      const before = images.get("c/app:1");
      const things = await rest(under);
      const name = await images.discard("c/app:2", usual);
      expect(name.lines).toEqual([{ untagged: "c/app:2" }]);
      const { lines, key = "" } = await images.discard(before.id, usual);
      expect(lines).toEqual([{ untagged: "c/app:1" }, { deleted: before.id }]);
      expect(() => images.get("c/app:1")).toThrow("No such image");
      expect(() => images.get(before.id)).toThrow("No such image");
      expect(images.trashed().map((one) => [one.names, one.images, one.tops, one.isKept])).toEqual([
        [["c/app:2"], [], [], false],
        [["c/app:1"], [before.id], [before.top], false],
      ]);
      // Nothing but the record of the image has gone: its config is still a blob.
      expect((await rest(under)).toSorted()).toEqual(
        things.toSorted().toSpliced(things.toSorted().lastIndexOf(before.id), 1),
      );
      await images.remove("c/other:1", usual);
      expect(layers.layer(before.chain[0] as Digest)).toBeDefined();
      expect(await images.restore(key, {})).toEqual({ id: before.id, skipped: [] });
      expect(await images.restore(name.key ?? "", {})).toEqual({ id: before.id, skipped: [] });
      expect(images.get("c/app:2")).toMatchObject({
        id: before.id,
        chain: before.chain,
        repoTags: ["c/app:1", "c/app:2"],
        sizeBytes: before.sizeBytes,
      });
      expect(told(under).slice(-2)).toEqual(["tag c/app:1", "tag c/app:2"]);
      await images.remove("c/app:1", usual);
      await images.remove("c/app:2", usual);
      expect(await rest(under)).toEqual([]);
    });

    test("restore() says who has its name by now; another name stands in, or it is left out", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("old")));
      const old = images.get("c/app:1");
      await images.tag(old.id, parseReference("c/app:free"));
      const { key = "" } = await images.discard(old.id, forced);
      await load(images, recipe("c/app:1", layer("new")));
      const fresh = images.get("c/app:1");
      await expect(images.restore(key, {})).rejects.toMatchObject({
        kind: "conflict",
        message: `cannot restore image "c/app:1, c/app:free": the name "c/app:1" was taken meanwhile by ${fresh.id}, want another name`,
      });
      await expect(images.restore(key, { name: parseReference("c/app:1") })).rejects.toMatchObject({
        kind: "conflict",
      });
      await images.restore(key, { name: parseReference("c/back:1") });
      expect(images.get(old.id).repoTags).toEqual(["c/app:free", "c/back:1"]);
      const again = await images.discard(old.id, forced);
      await images.tag(fresh.id, parseReference("c/back:1"));
      expect(await images.restore(again.key ?? "", { isSkippingTaken: true })).toEqual({
        id: old.id,
        skipped: ["c/back:1"],
      });
      expect([images.get("c/app:free").id, images.get("c/app:1").id]).toEqual([old.id, fresh.id]);
    });

    test("purge() takes layers and blobs that nothing else needs; a name in the trash keeps its image", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("a"), layer("b")));
      const { id } = images.get("c/app:1");
      await images.tag(id, parseReference("c/app:2"));
      const { key = "" } = await images.discard("c/app:2", usual);
      const { lines } = await images.discard("c/app:1", { ...usual });
      expect(lines.map(({ deleted }) => deleted)).toEqual([undefined, id]);
      for (const one of images.trashed()) if (one.key !== key) await images.restore(one.key, {});
      // For good, and yet its other name may come back.
      await images.remove("c/app:1", usual);
      expect(images.trashed().map((one) => [one.key, one.images])).toEqual([[key, [id]]]);
      await images.restore(key, {});
      expect(images.get("c/app:2").id).toBe(id);
      const last = await images.discard("c/app:2", usual);
      await images.purge(last.key ?? "");
      await images.purge(last.key ?? "");
      expect([await rest(under), images.trashed()]).toEqual([[], []]);
    });

    test("what a container in the trash was made from outlives remove() and purge(), until it is forgone", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("a")), recipe("c/two:1", layer("b")));
      const [one, two] = [images.get("c/app:1").id, images.get("c/two:1").id];
      let uses: readonly ImageUse[] = [one, two].map((imageId) => ({
        imageId,
        containerId: imageId.slice(7),
        isRunning: false,
        isTrashed: true,
      }));
      images.onUse(() => uses);
      expect(await images.remove("c/app:1", usual)).toEqual([{ untagged: "c/app:1" }, { deleted: one }]);
      const { discarded } = await images.prune({ isDanglingOnly: false, isDiscarding: true });
      for (const key of discarded) await images.purge(key);
      expect(images.list()).toEqual([]);
      expect(images.trashed().map(({ names, isKept }) => [names, isKept])).toEqual([
        [["c/app:1"], true],
        [["c/two:1"], true],
      ]);
      await images.forgo();
      expect(images.trashed()).toHaveLength(2);
      uses = uses.slice(0, 1);
      await images.forgo();
      expect(images.trashed().map(({ id }) => id)).toEqual([one]);
      uses = [];
      await images.forgo();
      expect([await rest(under), images.trashed()]).toEqual([[], []]);
    });

    test("dropLayers() takes what a container of an image that is gone was the last to stand on", async () => {
      await using under = await make();
      const { images, layers } = under;
      await load(images, recipe("c/app:1", layer("base"), layer("a")), recipe("c/two:1", layer("base")));
      const { id, top } = images.get("c/app:1");
      if (top === undefined) throw new Error("the image has layers");
      await images.dropLayers(id, top);
      expect(layers.layer(top)).toBeDefined();
      await layers.prepare("box", top, never);
      await images.remove("c/app:1", forced);
      await images.dropLayers(id, top);
      expect(layers.layer(top)).toBeDefined();
      await layers.removeSnapshot("box");
      await images.dropLayers(id, top);
      expect([...layers.list()].map(({ chainId }) => chainId)).toEqual(images.get("c/two:1").chain);
      await images.remove("c/two:1", usual);
      expect(await rest(under)).toEqual([]);
    });

    test("commit() makes children; a parent stays while they do and goes with them when it has no name", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/base:1", layer("a")));
      const base = images.get("c/base:1");
      const config: ImageConfig = {
        ...base.config,
        history: [...(base.config.history ?? []), { created: "2026-01-01T00:00:00Z", created_by: "sh" }],
      };
      const reference = parseReference("c/child:1");
      const id = await images.commit(base.id, once(layer("bb")), config, { reference }, never);
      const child = images.get("c/child:1");
      expect(child).toMatchObject({ id, parent: base.id, sizeBytes: 3 });
      expect(child.chain.slice(0, 1)).toEqual(base.chain);
      expect(images.history("c/child:1")).toMatchObject([
        { id, createdBy: "sh", sizeBytes: 2, tags: ["c/child:1"] },
        { id: "<missing>", createdBy: "LAYER 1", sizeBytes: 1, tags: [] },
      ]);
      await expect(images.remove(base.id, forced)).rejects.toMatchObject({
        message: `conflict: unable to delete ${short(base.id)} (cannot be forced) - image has dependent child images`,
      });
      expect(await images.remove("c/base:1", usual)).toEqual([{ untagged: "c/base:1" }]);
      await images.remove("c/child:1", usual);
      expect(await rest(under)).toEqual([]);
    });

    test("importRootfs() makes one layer; a tar that breaks off, is none or was given up leaves nothing", async () => {
      await using under = await make();
      const { images } = under;
      const bytes = layer("hello");
      const reference = parseReference("c/imported:1");
      const id = await images.importRootfs(once(bytes), { reference }, quiet, never);
      expect(told(under)).toEqual(["tag c/imported:1", `import ${id}`]);
      expect(images.get(id)).toMatchObject({ chain: [digestOf(bytes)], repoTags: ["c/imported:1"] });
      expect(images.history(id)).toMatchObject([{ id, comment: "Imported from -", sizeBytes: 5 }]);
      await images.remove(id, usual);
      const reason = new Error("client went away");
      const stop = new AbortController();
      async function* cut(): AsyncGenerator<Buffer> {
        yield bytes.subarray(0, 600);
        stop.abort(reason);
        yield bytes.subarray(600);
      }
      await expect(images.importRootfs(cut(), {}, quiet, stop.signal)).rejects.toBe(reason);
      for (const wrong of [bytes.subarray(0, 600), Buffer.alloc(1024, 1)])
        await expect(images.importRootfs(once(wrong), {}, quiet, never)).rejects.toMatchObject({
          kind: "invalid",
        });
      expect(await rest(under)).toEqual([]);
    });

    test("prune() takes what has no name, or all that nobody uses, as far as it matches", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/app:1", layer("old", "12345")));
      const old = images.get("c/app:1").id;
      await load(images, recipe("c/app:1", layer("new", "123")));
      await load(images, recipe("c/kept:1", layer("kept", "1")));
      const kept = images.get("c/kept:1").id;
      expect(await images.prune({ isDanglingOnly: true, matches: () => false })).toMatchObject({
        removed: [],
      });
      const dangling = await images.prune({ isDanglingOnly: true });
      expect(dangling.reclaimedBytes).toBe(5);
      expect(dangling.removed[0]).toEqual({ deleted: old });
      images.onUse(() => [{ imageId: kept, containerId: "x", isRunning: false }]);
      const all = await images.prune({ isDanglingOnly: false });
      expect([all.reclaimedBytes, all.removed[0]]).toEqual([3, { untagged: "c/app:1" }]);
      expect(images.list().map(({ id }) => id)).toEqual([kept]);
    });

    test("prune() takes parents along with their children; one whose child is used loses its names only", async () => {
      await using under = await make();
      const { images } = under;
      await load(images, recipe("c/base:1", layer("a")));
      const base = images.get("c/base:1");
      const reference = parseReference("c/child:1");
      const config: ImageConfig = { ...base.config, history: [] };
      const child = await images.commit(base.id, once(layer("bb")), config, { reference }, never);
      images.onUse(() => [{ imageId: child, containerId: "x", isRunning: true }]);
      const first = await images.prune({ isDanglingOnly: false });
      expect(first.removed).toEqual([{ untagged: "c/base:1" }]);
      expect(images.get(child).parent).toBe(base.id);
      await images.tag(base.id, parseReference("c/base:2"));
      images.onUse(() => []);
      const { removed, reclaimedBytes } = await images.prune({ isDanglingOnly: false });
      expect([removed.filter((line) => "untagged" in line), reclaimedBytes]).toEqual([
        [{ untagged: "c/child:1" }, { untagged: "c/base:2" }],
        3,
      ]);
      expect(await rest(under)).toEqual([]);
    });
  });
}
