import { dockerArchive, tarOf } from "@longshore/testkit";
import { type FakeGround, openOnFakes, plainRequest } from "#testing/containers";
import { FakeLayers } from "#testing/layers";
import { expect, test } from "vitest";
import type { System, TrashKind, TrashSettings } from "../contract.ts";
import { fakeSystem } from "../testing.ts";

const never = new AbortController().signal;
const HOUR = 3_600_000;
const roomy: TrashSettings = { quota: { kind: "bytes", bytes: 1e12 }, maxAgeMs: 24 * HOUR };
const how = { isForced: false, hasVolumes: false };

interface Under extends AsyncDisposable {
  readonly ground: FakeGround;
  readonly system: System;
  readonly disk: { totalBytes: number; freeBytes: number };
}

async function open(settings: Partial<TrashSettings> = {}): Promise<Under> {
  await using undo = new AsyncDisposableStack();
  const ground = undo.use(await openOnFakes({ programs: { sleeper: () => new Promise(() => {}) } }));
  const disk = { totalBytes: 1e12, freeBytes: 5e11 };
  const system = undo.use(fakeSystem(ground, { ...roomy, ...settings }, async () => disk));
  const owned = undo.move();
  return { ground, system, disk, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function makeContainer({ ground }: Under, name: string, bytes: number): Promise<string> {
  const { id } = await ground.room.create({ ...plainRequest(["sleeper"]), name }, never);
  if (ground.layers instanceof FakeLayers) ground.layers.change(id, { f: "x".repeat(bytes) });
  return id;
}

const discard = ({ system }: Under, kind: TrashKind, name: string): Promise<string | undefined> =>
  system.trash.discard(kind, name, how, never);

async function names({ system }: Under): Promise<readonly string[]> {
  return (await system.trash.report(never)).entries.map(({ name }) => name);
}

/** Lets what a step of the clock woke come to its end. */
const settled = async (under: Under, wanted: readonly string[]): Promise<void> =>
  await expect.poll(() => names(under), { interval: 1, timeout: 4000 }).toEqual(wanted);

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

test("report() lists entries of every kind, oldest first, with what each brings and gives back", async () => {
  await using under = await open();
  const { ground, system } = under;
  const layer = (name: string, bytes: number): Buffer => tarOf([{ name, data: Buffer.alloc(bytes, 1) }]);
  const archive = dockerArchive({ reference: "one:1", layers: [layer("base", 100_000)] });
  await ground.images.load(once(archive), {}, () => {}, never);
  const request = plainRequest(["sleeper"], { Binds: ["data:/data"] }, { Image: "one:1" });
  const { id } = await ground.room.create({ ...request, name: "web" }, never);
  expect(await discard(under, "container", "web")).toBe(id);
  ground.clock.advance(1000);
  await ground.volumes.create({ name: "own" }, never);
  await discard(under, "volume", "own");
  // As a foreign client would: for good, but for what the container needs.
  await ground.volumes.remove("data", { isForced: false });
  await ground.images.remove("one:1", { isForced: false, isPruningParents: true });
  const { entries, ...rest } = await system.trash.report(never);
  expect(rest).toMatchObject({ quotaBytes: 1e12, maxAgeSeconds: 86_400 });
  expect(entries).toMatchObject([
    {
      id,
      kind: "container",
      name: "web",
      removedAt: "2026-01-01T00:00:00.000Z",
      expiresAt: "2026-01-02T00:00:00.000Z",
      brings: [
        { kind: "volume", name: "data" },
        { kind: "image", name: "one:1" },
      ],
    },
    { kind: "volume", name: "own", brings: [] },
  ]);
  expect(entries[0]?.exclusiveBytes).toBeGreaterThan(100_000);
  expect(entries.reduce((sum, entry) => sum + entry.exclusiveBytes, 0)).toBe(rest.usedBytes);
  const { predictedBytes } = await system.reclaim.predict([{ kind: "trash", id: id.slice(0, 12) }], never);
  expect(predictedBytes).toBe(entries[0]?.exclusiveBytes);
  expect(await system.trash.restore(id, {}, never)).toEqual({ kind: "container", name: "web", warnings: [] });
  expect(ground.images.get("one:1").repoTags).toEqual(["one:1"]);
  expect(await names(under)).toEqual(["own"]);
  const done = await system.trash.empty(undefined, never);
  expect([done.removed.map(({ name }) => name), done.failed, await names(under)]).toEqual([["own"], [], []]);
  await expect(system.trash.restore("none", {}, never)).rejects.toMatchObject({
    kind: "not_found",
    message: "No such entry in the trash: none",
  });
});

test("an image comes back under another name, a volume too", async () => {
  await using under = await open();
  const { ground, system } = under;
  await ground.volumes.create({ name: "data" }, never);
  const volume = (await discard(under, "volume", "data")) ?? "";
  const image = (await discard(under, "image", "fake/image:latest")) ?? "";
  await ground.volumes.create({ name: "data" }, never);
  await expect(system.trash.restore(volume, {}, never)).rejects.toMatchObject({ kind: "conflict" });
  expect(await system.trash.restore(volume, { name: "old" }, never)).toMatchObject({ name: "old" });
  expect(await system.trash.restore(image, { name: "fake/back:1" }, never)).toMatchObject({
    kind: "image",
    name: "fake/back:1",
  });
  expect(ground.images.list()[0]?.repoTags).toEqual(["fake/back:1", "fake/image:latest"]);
});

test("the oldest go above the quota, but never the newest", async () => {
  await using under = await open({ quota: { kind: "bytes", bytes: 250_000 } });
  for (const [index, name] of ["one", "two", "three"].entries()) {
    await makeContainer(under, name, 100_000);
    await discard(under, "container", name);
    under.ground.clock.advance(1000);
    expect(await names(under)).toEqual(["one", "two", "three"].slice(Math.max(0, index - 1), index + 1));
  }
  await makeContainer(under, "large", 1_000_000);
  await discard(under, "container", "large");
  expect(await names(under)).toEqual(["large"]);
});

test("a share of the disk is a quota too", async () => {
  await using under = await open({ quota: { kind: "share", share: 0.1 } });
  under.disk.totalBytes = 1_500_000;
  under.disk.freeBytes = 1_500_000;
  expect(await under.system.trash.limits()).toEqual({ quotaBytes: 150_000, maxAgeSeconds: 86_400 });
  for (const name of ["one", "two"]) {
    await makeContainer(under, name, 100_000);
    await discard(under, "container", name);
    under.ground.clock.advance(1000);
  }
  expect(await names(under)).toEqual(["two"]);
});

test("what is too old goes by a timer, which runs only while there is something in the trash", async () => {
  await using under = await open({ maxAgeMs: 90_000 });
  const { clock } = under.ground;
  expect(clock.waits).toEqual([]);
  await makeContainer(under, "web", 10);
  const id = (await discard(under, "container", "web")) ?? "";
  await expect.poll(() => clock.waits, { interval: 1 }).toEqual([60_000]);
  await under.system.trash.restore(id, {}, never);
  await expect.poll(() => clock.waits, { interval: 1 }).toEqual([]);
  await discard(under, "container", "web");
  await expect.poll(() => clock.waits, { interval: 1 }).toEqual([60_000]);
  clock.advance(60_000);
  await expect.poll(() => clock.waits, { interval: 1 }).toEqual([30_000]);
  expect(await names(under)).toEqual(["web"]);
  clock.advance(30_000);
  await settled(under, []);
  await expect.poll(() => clock.waits, { interval: 1 }).toEqual([]);
  expect([...under.ground.layers.snapshots()]).toEqual([]);
});

test("a disk that fills up empties it, oldest first, as far as it needs", async () => {
  await using under = await open();
  const { clock, room } = under.ground;
  for (const name of ["one", "two", "three"]) {
    await makeContainer(under, name, 10);
    await discard(under, "container", name);
    clock.advance(1);
  }
  Object.defineProperty(under.disk, "freeBytes", {
    get: () => (room.trashed().length > 1 ? 1e9 : 1e11),
  });
  clock.advance(60_000);
  await settled(under, ["three"]);
});

test("turned off it refuses, and nothing is removed", async () => {
  await using under = await open({ quota: { kind: "bytes", bytes: 0 } });
  await makeContainer(under, "web", 10);
  await expect(discard(under, "container", "web")).rejects.toMatchObject({
    kind: "unavailable",
    message: "the trash is off (--trash-quota 0), want a removal for good instead",
  });
  expect(await under.system.trash.limits()).toEqual({ quotaBytes: 0, maxAgeSeconds: 86_400 });
  expect(under.ground.room.list()).toHaveLength(1);
});

test("a system that opens over a trash watches it", async () => {
  await using under = await open();
  await makeContainer(under, "web", 10);
  await discard(under, "container", "web");
  await under.system[Symbol.asyncDispose]();
  await expect.poll(() => under.ground.clock.waits, { interval: 1 }).toEqual([]);
  await using next = fakeSystem(under.ground, { ...roomy, maxAgeMs: 5000 });
  await expect.poll(() => under.ground.clock.waits, { interval: 1 }).toEqual([5000]);
  expect((await next.trash.report(never)).entries).toHaveLength(1);
});
