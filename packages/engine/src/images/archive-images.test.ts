import { expect, test } from "vitest";
import { tarOf } from "@longshore/testkit";
import { type Digest, digestOf, HOST_PLATFORM, hexOf, type Platform } from "#spec";
import { FakeLayers } from "#testing/layers";
import type { Images } from "./contract.ts";
import { fakeImages } from "./testing.ts";

type Named = readonly [name: string, bytes: Buffer];

const layer = tarOf([{ name: "file", data: "text" }]);
const OTHER: Platform = { os: "linux", architecture: "s390x" };
const OCI = "application/vnd.oci.image";
const document = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const described = (bytes: Buffer, more: object = {}): object => ({
  digest: digestOf(bytes),
  size: bytes.length,
  ...more,
});
const blob = (bytes: Buffer, as: Buffer = bytes): Named => [`blobs/sha256/${hexOf(digestOf(as))}`, bytes];
const named = (name: string): object => ({ annotations: { "io.containerd.image.name": name } });

/** An image of one layer for a machine, and an index of both machines'. */
function imageFor({ architecture, os }: Platform): { readonly config: Buffer; readonly manifest: Buffer } {
  const config = document({ architecture, os, rootfs: { type: "layers", diff_ids: [digestOf(layer)] } });
  const manifest = document({
    schemaVersion: 2,
    mediaType: `${OCI}.manifest.v1+json`,
    config: described(config),
    layers: [described(layer)],
  });
  return { config, manifest };
}
const [own, other] = [imageFor(HOST_PLATFORM), imageFor(OTHER)];
const ownEntry = described(own.manifest, { platform: HOST_PLATFORM });
const otherEntry = described(other.manifest, { platform: OTHER });
const both = document({ schemaVersion: 2, manifests: [otherEntry, ownEntry] });
const blobs: readonly Named[] = [layer, own.config, own.manifest, other.config, other.manifest, both].map(
  (bytes) => blob(bytes),
);
const layout = (manifests: readonly object[], members: readonly Named[] = blobs): readonly Named[] => [
  ...members,
  ["index.json", document({ schemaVersion: 2, manifests })],
];
const dockerArchive = (manifest: unknown, more: readonly Named[] = []): readonly Named[] => [
  ["config.json", own.config],
  ["layer.tar", layer],
  ...more,
  ["manifest.json", document(manifest)],
];
const item = { Config: "config.json", Layers: ["layer.tar"] };
const never = new AbortController().signal;

async function load(
  images: Images,
  members: readonly Named[],
  platform?: Platform,
): Promise<readonly Digest[]> {
  async function* archive(): AsyncGenerator<Buffer> {
    yield tarOf(members.map(([name, data]) => ({ name, data })));
  }
  return await images.load(archive(), { ...(platform !== undefined && { platform }) }, () => {}, never);
}

test.each<readonly [string, unknown, string]>([
  ["null", null, "manifest.json is not a list"],
  ["no list", {}, "manifest.json is not a list"],
  ["empty", [], "it names no images"],
  ["an entry that is none", [null], "has an image without Layers"],
  ["a path out of it", [{ ...item, Config: "../../../etc/passwd" }], '"../../../etc/passwd" is missing'],
  ["a layer that is not there", [{ ...item, Layers: ["/etc/passwd"] }], "is missing"],
  ["too many layers", [{ ...item, Layers: ["layer.tar", "layer.tar"] }], "mismatch: expected 2, got 1"],
  ["a name without a tag", [{ ...item, RepoTags: ["c/app"] }], 'invalid tag "c/app"'],
  ["a name by digest", [{ ...item, RepoTags: [`c/app@${digestOf("x")}`] }], "invalid tag"],
  ["a tag that is no text", [{ ...item, RepoTags: [5] }], "tag 5 is not a string"],
  ["tags that are no list", [{ ...item, RepoTags: "c/app:1" }], "RepoTags is not a list"],
  ["more images than any archive has", Array.from({ length: 1001 }, () => item), "it names 1001 images"],
])("load() of a manifest.json with %s is refused and leaves nothing", async (_, manifest, words) => {
  const layers = new FakeLayers();
  await using images = await fakeImages({ layers });
  await expect(load(images, dockerArchive(manifest))).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(words) as string,
  });
  expect([...layers.list(), ...(await Array.fromAsync(layers.blobs.list())), ...images.list()]).toEqual([]);
});

test.each<readonly [string, readonly Named[], string]>([
  [
    "a config with other bytes",
    [blob(other.config, own.config), ...blobs.slice(2), blob(layer)],
    "has digest",
  ],
  ["a manifest with other bytes", [blob(other.manifest, own.manifest), ...blobs.slice(3)], "has digest"],
  ["a layer with other bytes", [blob(Buffer.from("x"), layer), ...blobs.slice(1)], "has digest"],
])("load() of a layout that has %s is refused", async (_, members, words) => {
  await using images = await fakeImages();
  await expect(load(images, layout([ownEntry], members))).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(words) as string,
  });
});

test("load() of a layout names by digest what has that digest, and nothing else", async () => {
  await using images = await fakeImages();
  const right = `registry.test/c/app@${digestOf(own.manifest)}`;
  await load(images, layout([{ ...ownEntry, ...named(right) }]));
  expect(images.list()).toMatchObject([{ repoDigests: [right], repoTags: [] }]);
  const wrong = `registry.test/c/app@${digestOf(own.config)}`;
  await expect(load(images, layout([{ ...ownEntry, ...named(wrong) }]))).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining("which is another one") as string,
  });
});

test("load() takes of an index the image that suits, of a lone one what it is, and of all what is asked for", async () => {
  await using images = await fakeImages();
  const [ownId, otherId] = [digestOf(own.config), digestOf(other.config)];
  const index = layout([{ ...described(both), ...named("registry.test/c/app:1") }]);
  expect(await load(images, index)).toEqual([ownId]);
  expect(images.get("registry.test/c/app:1").id).toBe(ownId);
  expect(await load(images, index, OTHER)).toEqual([otherId]);
  expect(await load(images, layout([otherEntry]))).toEqual([otherId]);
  expect(await load(images, layout([otherEntry, ownEntry]))).toEqual([ownId]);
  expect(await load(images, dockerArchive([item]), HOST_PLATFORM)).toEqual([ownId]);
  for (const archive of [dockerArchive([item]), layout([ownEntry])])
    await expect(load(images, archive, OTHER)).rejects.toMatchObject({
      kind: "not_found",
      message: "no image of platform linux/s390x in the archive",
    });
});

test("load() follows indexes in indexes so far and no farther", async () => {
  await using images = await fakeImages();
  const members = [...blobs];
  let index = both;
  for (let depth = 0; depth < 2; depth++) {
    index = document({ schemaVersion: 2, manifests: [described(index)] });
    members.push(blob(index));
  }
  expect(await load(images, layout([described(index)], members))).toEqual([digestOf(own.config)]);
  for (let depth = 0; depth < 3; depth++) {
    index = document({ schemaVersion: 2, manifests: [described(index)] });
    members.push(blob(index));
  }
  await expect(load(images, layout([described(index)], members))).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining("nested too deep") as string,
  });
});
