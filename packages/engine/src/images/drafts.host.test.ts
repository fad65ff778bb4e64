import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { type Layers, openLayers } from "#layers";
import { digestOf } from "#spec";
import { archive, file, once } from "#testing/layers";
import { memoryStore } from "#testing/store";
import { Drafts } from "./drafts.ts";

const { signal } = new AbortController();
let root = "";
let layers: Layers;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), "longshore-drafts-"));
  layers = await openLayers({ dataRoot: root, store: memoryStore(), log: silentLogger }, signal);
});
afterEach(async () => {
  await layers[Symbol.asyncDispose]();
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  rmSync(root, { recursive: true });
});

test("Drafts keeps a layer's bytes and its tree, which becomes the layer without reading them again", async () => {
  const bytes = archive(file("a", "x".repeat(3_000_000)));
  using holds = new DisposableStack();
  await using drafts = new Drafts();
  const digest = await drafts.receive(layers, once(bytes), holds, signal);
  await drafts.settle();
  expect([digest, await layers.blobs.sizeBytes(digest)]).toEqual([digestOf(bytes), bytes.length]);
  const draft = drafts.take(digest);
  if (draft === undefined) throw new Error("no draft was made");
  expect(drafts.take(digest)).toBeUndefined();
  // oxlint-disable-next-line require-yield -- it is never read
  const unread = async function* (): AsyncGenerator<Buffer> {
    throw new Error("the source was read");
  };
  const record = await layers.apply(undefined, unread(), { expectedDiffId: digest, draft }, signal);
  expect(record).toMatchObject({ diffId: digest, sizeBytes: 3_000_000 });
  expect((await layers.files(record.chainId, signal)).map(({ path }) => path)).toEqual(["/a"]);
});

test("Drafts keeps bytes that are no layer as a blob only, and drops trees that nobody took", async () => {
  using holds = new DisposableStack();
  const bytes = archive(file("a"));
  const broken = Buffer.concat([bytes.subarray(0, 1024), Buffer.alloc(512, 1)]);
  {
    await using drafts = new Drafts();
    for (let count = 0; count < 5; count++) await drafts.receive(layers, once(bytes), holds, signal);
    const digest = await drafts.receive(layers, once(broken), holds, signal);
    await drafts.settle();
    expect([drafts.take(digest), await layers.blobs.has(digest)]).toEqual([undefined, true]);
  }
  expect([...layers.list()]).toEqual([]);
});

test("Drafts leaves nothing of a source that breaks off", async () => {
  using holds = new DisposableStack();
  await using drafts = new Drafts();
  const source = async function* (): AsyncGenerator<Buffer> {
    yield archive(file("a"));
    throw new Error("the client is gone");
  };
  await expect(drafts.receive(layers, source(), holds, signal)).rejects.toThrow("the client is gone");
  expect(await Array.fromAsync(layers.blobs.list())).toEqual([]);
});
