import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { digestOf, hexOf, TAR_END } from "#spec";
import { memoryStore } from "#testing/store";
import { type Layers, openLayers } from "./index.ts";
import { archive, file, once } from "./test-archives.ts";

const { signal } = new AbortController();
let root = "";
let layers: Layers;
const run = (): Promise<Layers> =>
  openLayers({ dataRoot: root, store: memoryStore(), log: silentLogger }, signal);
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "longshore-fetch-"));
  layers = await run();
});
afterEach(async () => {
  await layers[Symbol.asyncDispose]();
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  rmSync(root, { recursive: true });
});

/** Three files: enough that the writer thread makes some before the archive ends. */
const tar = Buffer.concat([...["a", "b", "c"].map((name) => file(name, name.repeat(500_000))), TAR_END]);
const blobOf = (bytes: Buffer): { digest: ReturnType<typeof digestOf>; sizeBytes: number } => ({
  digest: digestOf(bytes),
  sizeBytes: bytes.length,
});
const drafts = (): readonly string[] =>
  readdirSync(join(root, "tmp")).flatMap((name) => readdirSync(join(root, "tmp", name, "fs")));
const left = (): readonly string[] => readdirSync(join(root, "partial"));
/** The bytes up to `end`; then it does as `last` says. */
const until = (bytes: Buffer, end: number, last: () => Promise<void>, offsets: number[] = []) =>
  async function* (fromByte: number): AsyncGenerator<Buffer> {
    offsets.push(fromByte);
    yield bytes.subarray(fromByte, end);
    await last();
  };
const gone = (): Promise<void> => Promise.reject(new Error("the network is gone"));
// oxlint-disable-next-line require-yield -- it is never read
async function* unread(): AsyncGenerator<Buffer> {
  throw new Error("the source was read");
}

test.each([
  ["plain", tar],
  ["gzip", gzipSync(tar)],
  [
    "gzip in two members",
    Buffer.concat([gzipSync(tar.subarray(0, 700_000)), gzipSync(tar.subarray(700_000))]),
  ],
  ["zstd", zstdCompressSync(tar)],
])(
  "fetch() unpacks a %s layer while it comes, which becomes the layer without being read again",
  async (_kind, bytes) => {
    const blob = { ...blobOf(bytes), mediaType: "tar" };
    const draft = await layers.fetch(blob, () => once(bytes), signal);
    if (draft === undefined) throw new Error("no draft was made");
    const record = await layers.apply(
      undefined,
      unread(),
      { expectedDiffId: digestOf(tar), blob, draft },
      signal,
    );
    await draft[Symbol.asyncDispose]();
    expect(record).toMatchObject({ diffId: digestOf(tar), sizeBytes: 1_500_000, blob });
    expect(readdirSync(layers.view(record.chainId).lowers[0] ?? "").toSorted()).toEqual(["a", "b", "c"]);
    expect((await layers.files(record.chainId, signal)).map(({ path }) => path)).toEqual(["/a", "/b", "/c"]);
  },
);

test("fetch() that breaks off in the midst leaves its bytes and no file; the next run goes on and has the whole layer", async () => {
  const blob = blobOf(tar);
  const breaksOff = until(tar, 1_200_000, async () => {
    await expect.poll(drafts, { timeout: 30_000 }).toEqual(["a", "b", "c"]);
    await gone();
  });
  await expect(layers.fetch(blob, breaksOff, signal)).rejects.toThrow("the network is gone");
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  expect(left()).toHaveLength(1);
  await layers[Symbol.asyncDispose]();
  layers = await run();
  const offsets: number[] = [];
  const rest = until(tar, tar.length, async () => {}, offsets);
  const draft = await layers.fetch(blob, rest, signal);
  expect([offsets, left()]).toEqual([[1_200_000], []]);
  if (draft === undefined) throw new Error("no draft was made");
  const { chainId } = await layers.apply(undefined, unread(), { expectedDiffId: blob.digest, draft }, signal);
  expect((await layers.files(chainId, signal)).map(({ sizeBytes }) => sizeBytes)).toEqual([
    500_000, 500_000, 500_000,
  ]);
  const stored = Buffer.concat(await Array.fromAsync(layers.blobs.read(blob.digest, signal)));
  expect(stored.equals(tar)).toBe(true);
});

test("fetch() that is given up while its layer is unpacked rejects with the reason and leaves no file", async () => {
  const stop = new AbortController();
  const reason = new Error("client went away");
  const stalls = until(tar, 1_200_000, async () => {
    await expect.poll(drafts, { timeout: 30_000 }).toEqual(["a", "b", "c"]);
    stop.abort(reason);
  });
  await expect(layers.fetch(blobOf(tar), stalls, stop.signal)).rejects.toBe(reason);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  expect(await layers.blobs.dropPartial()).toBe(1_200_000);
});

test("fetch() whose earlier bytes were wrong asks for all again and unpacks none of them", async () => {
  const bytes = gzipSync(tar);
  const blob = blobOf(bytes);
  const wrong = gzipSync(archive(file("evil", "x".repeat(1000))));
  writeFileSync(join(root, "partial", hexOf(blob.digest)), wrong);
  const offsets: number[] = [];
  const draft = await layers.fetch(
    blob,
    until(bytes, bytes.length, async () => {}, offsets),
    signal,
  );
  expect(offsets).toEqual([wrong.length, 0]);
  if (draft === undefined) throw new Error("no draft was made");
  const { chainId } = await layers.apply(undefined, unread(), { draft }, signal);
  expect((await layers.files(chainId, signal)).map(({ path }) => path)).toEqual(["/a", "/b", "/c"]);
});

test.each([
  ["a layer of another digest", tar, { ...blobOf(tar), digest: digestOf("other") }, "want sha256:"],
  ["a layer that ends early", tar.subarray(0, 1_300_000), blobOf(tar), "ended after 1300000"],
  ["a layer that goes on", Buffer.concat([tar, tar]), blobOf(tar), "longer than the promised"],
])("fetch() of %s is refused and leaves nothing", async (_what, bytes, expected, message) => {
  await expect(layers.fetch(expected, () => once(bytes), signal)).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(message),
  });
  expect([left(), await Array.fromAsync(layers.blobs.list())]).toEqual([[], []]);
});

test("fetch() keeps a hostile layer as a blob without a tree; apply() of it says what is wrong", async () => {
  const bytes = gzipSync(archive(file("a", "x".repeat(100_000)), file("a/below")));
  expect(await layers.fetch(blobOf(bytes), () => once(bytes), signal)).toBeUndefined();
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  await expect(
    layers.apply(undefined, layers.blobs.read(digestOf(bytes), signal), {}, signal),
  ).rejects.toMatchObject({ kind: "invalid", message: expect.stringContaining("is not a directory") });
});

test("a draft that nobody takes is dropped", async () => {
  const draft = await layers.fetch(blobOf(tar), () => once(tar), signal);
  expect(drafts().toSorted()).toEqual(["a", "b", "c"]);
  await draft?.[Symbol.asyncDispose]();
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});
