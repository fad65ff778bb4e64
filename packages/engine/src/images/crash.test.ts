import { dockerArchive, tarOf } from "@longshore/testkit";
import { FakeLayers } from "#testing/layers";
import { journalStore, type Rows } from "#testing/store";
import { parseReference } from "#spec";
import { expect, test } from "vitest";
import type { Images } from "./contract.ts";
import { fakeImages } from "./testing.ts";

const never = new AbortController().signal;
async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

/** Where the next engine finds names and image after a crash at each point: `there NAMES` or `trash NAMES`. */
async function places(points: readonly Rows[], layers: FakeLayers): Promise<readonly string[]> {
  const found: string[] = [];
  for (const rows of points) {
    const images = await fakeImages({ store: journalStore(rows), layers });
    found.push(
      [
        ...images.list().map(({ repoTags }) => `there ${repoTags.join()}`),
        ...images.trashed().map(({ names, images: ids }) => `trash ${names.join()} ${ids.length}`),
      ].join(", "),
    );
  }
  return found;
}

test("a crash in a removal into the trash, or out of it, leaves names and image in one place", async () => {
  const layers = new FakeLayers();
  let points: Rows[] = [];
  const images: Images = await fakeImages({
    layers,
    store: journalStore(new Map(), (rows) => points.push(rows)),
  });
  const archive = dockerArchive({ reference: "a/b:1", layers: [tarOf([{ name: "f", data: "f" }])] });
  const [id = ""] = await images.load(once(archive), {}, () => {}, never);
  await images.tag(id, parseReference("a/b:2"));
  points = [];
  const { key = "" } = await images.discard(id, { isForced: true, isPruningParents: true });
  expect(await places(points, layers)).toEqual(["there a/b:1,a/b:2", "trash a/b:1,a/b:2 1"]);
  points = [];
  await images.restore(key, {});
  expect(await places(points, layers)).toEqual(["trash a/b:1,a/b:2 1", "there a/b:1,a/b:2"]);
});

test("a crash in a removal for good leaves the image with all its names, or nothing of it", async () => {
  const layers = new FakeLayers();
  let points: Rows[] = [];
  const images = await fakeImages({ layers, store: journalStore(new Map(), (rows) => points.push(rows)) });
  const archive = dockerArchive({ reference: "a/b:1", layers: [tarOf([{ name: "f", data: "f" }])] });
  const [id = ""] = await images.load(once(archive), {}, () => {}, never);
  await images.tag(id, parseReference("a/b:2"));
  points = [];
  await images.remove(id, { isForced: true, isPruningParents: true });
  expect((await places(points.slice(-1), layers)).concat(points.length.toString())).toEqual(["", "2"]);
});
