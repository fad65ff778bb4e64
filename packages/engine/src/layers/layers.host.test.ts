import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { getXattr, mountOverlay, unmount } from "#host";
import { silentLogger } from "#kernel";
import { digestOf, tarMember } from "#spec";
import { memoryStore } from "#testing/store";
import { openLayers, type Layers, type OverlayMount } from "./index.ts";
import { archive, file, folder, link, once, plain } from "./test-archives.ts";

let outside = "";
let root = "";
let layers: Layers;
const { signal } = new AbortController();
const apply = async (bytes: Buffer, parent?: Parameters<Layers["apply"]>[0]): ReturnType<Layers["apply"]> =>
  await layers.apply(parent, once(bytes), {}, signal);
const topOf = (mount: OverlayMount): string => mount.lowers[0] ?? "";

beforeEach(async () => {
  outside = mkdtempSync(join(tmpdir(), "longshore-layers-"));
  root = join(outside, "data");
  mkdirSync(root);
  writeFileSync(join(outside, "secret"), "host");
  layers = await openLayers({ dataRoot: root, store: memoryStore(), log: silentLogger }, signal);
});
afterEach(async () => {
  unmount(join(outside, "target"));
  await layers[Symbol.asyncDispose]();
  rmSync(outside, { recursive: true, force: true });
});

test("apply keeps every escape inside the layer", async () => {
  const record = await apply(
    archive(
      link("out", outside),
      link("up", "../../../../../.."),
      file("../../../../../../dots"),
      file("/absolute"),
    ),
  );
  const top = topOf(layers.view(record.chainId));
  expect(readdirSync(top).toSorted()).toEqual(["absolute", "dots", "out", "up"]);
  await expect(apply(archive(link("out", outside), file("out/secret", "stolen")))).rejects.toMatchObject({
    kind: "invalid",
  });
  await expect(apply(archive(link("mine", join(outside, "secret"), "hardlink")))).rejects.toMatchObject({
    kind: "invalid",
  });
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("host");
  expect(readdirSync(outside).toSorted()).toEqual(["data", "secret"]);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});

test("apply takes plain, gzip and zstd for the same layer and refuses cut ones", async () => {
  const bytes = archive(folder("etc"), file("etc/hosts", "y".repeat(100_000)));
  for (const packed of [bytes, gzipSync(bytes), zstdCompressSync(bytes)]) {
    expect((await apply(packed)).diffId).toBe(digestOf(bytes));
    await expect(apply(packed.subarray(0, Math.floor(packed.length / 2)))).rejects.toMatchObject({
      kind: "invalid",
    });
  }
  expect([...layers.list()]).toHaveLength(1);
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
});

test("apply refuses another diff id than expected and leaves nothing", async () => {
  const expectedDiffId = digestOf("other");
  await expect(
    layers.apply(undefined, once(archive(file("a"))), { expectedDiffId }, signal),
  ).rejects.toMatchObject({
    kind: "invalid",
  });
  expect(readdirSync(join(root, "layers"))).toEqual([]);
});

test("overlay's own marks in an archive are refused or dropped", async () => {
  await expect(apply(archive(tarMember({ ...plain, name: "hide", type: "character" })))).rejects.toThrow(
    "0:0",
  );
  const xattrs = new Map([["trusted.overlay.redirect", Buffer.from("/etc")]]);
  const record = await apply(archive(tarMember({ ...plain, name: "d", type: "directory", xattrs })));
  const made = join(topOf(layers.view(record.chainId)), "d");
  expect(lstatSync(made).isDirectory()).toBe(true);
  expect(getXattr(made, "trusted.overlay.redirect")).toBeUndefined();
});

test("a folder made again after its whiteout hides what was below, with or without an entry of its own", async () => {
  const base = await apply(archive(folder("a"), file("a/old"), folder("b"), file("b/old"), file("gone")));
  const next = await apply(
    archive(file(".wh.a"), folder("a"), file("a/new"), file(".wh.b"), file("b/new"), file(".wh.gone")),
    base.chainId,
  );
  const target = join(outside, "target");
  mkdirSync(target);
  mountOverlay(layers.view(next.chainId), target);
  expect(readdirSync(target).toSorted()).toEqual(["a", "b"]);
  expect(readdirSync(join(target, "a"))).toEqual(["new"]);
  expect(readdirSync(join(target, "b"))).toEqual(["new"]);
  expect(existsSync(join(target, "gone"))).toBe(false);
  expect(lstatSync(join(target, "a/new"), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
});

test("a view of one layer can be mounted and is read-only", async () => {
  const record = await apply(archive(file("a", "text")));
  const target = join(outside, "target");
  mkdirSync(target);
  mountOverlay(layers.view(record.chainId), target);
  expect(readFileSync(join(target, "a"), "utf8")).toBe("text");
  expect(() => writeFileSync(join(target, "b"), "")).toThrow("EROFS");
});

test("exportDiff never reads through a link that replaced a file or a folder meanwhile", async () => {
  await layers.prepare("box", undefined, signal);
  const upper = layers.mount("box").upper ?? "";
  mkdirSync(join(upper, "b"));
  for (const name of ["a", "b/secret", "c"]) writeFileSync(join(upper, name), "mine");
  writeFileSync(join(outside, "c"), "host");
  const pieces: Uint8Array[] = [];
  for await (const piece of layers.exportDiff("box", signal)) {
    pieces.push(piece);
    const header = Buffer.from(piece).toString("latin1");
    if (header.includes("b/secret\0")) {
      renameSync(join(upper, "b"), join(upper, "old"));
      symlinkSync(outside, join(upper, "b"));
    }
    if (/(^|\0)c\0/.test(header)) {
      rmSync(join(upper, "c"));
      symlinkSync(join(outside, "c"), join(upper, "c"));
    }
  }
  const text = Buffer.concat(pieces).toString("latin1");
  expect(text).toContain("b/secret");
  expect(text).toContain("mine");
  expect(text).not.toContain("host");
});

test("changes tells what an opaque folder hides, and exportDiff brings the same state back", async () => {
  const base = await apply(archive(folder("d"), file("d/old"), file("d/kept"), file("gone")));
  await layers.prepare("box", base.chainId, signal);
  const target = join(outside, "target");
  mkdirSync(target);
  mountOverlay(layers.mount("box"), target);
  rmSync(join(target, "d"), { recursive: true });
  mkdirSync(join(target, "d"));
  writeFileSync(join(target, "d/kept"), "again");
  writeFileSync(join(target, "d/new"), "");
  rmSync(join(target, "gone"));
  unmount(target);
  expect(await layers.changes("box", signal)).toEqual([
    { kind: "modified", path: "/d" },
    { kind: "modified", path: "/d/kept" },
    { kind: "added", path: "/d/new" },
    { kind: "deleted", path: "/d/old" },
    { kind: "deleted", path: "/gone" },
  ]);
  const next = await layers.apply(base.chainId, layers.exportDiff("box", signal), {}, signal);
  mountOverlay(layers.view(next.chainId), target);
  expect(readdirSync(target)).toEqual(["d"]);
  expect(readdirSync(join(target, "d")).toSorted()).toEqual(["kept", "new"]);
});

test("an opaque mark at a layer's root hides every layer below", async () => {
  const base = await apply(archive(file("old"), folder("d"), file("d/old")));
  const middle = await apply(archive(file(".wh..wh..opq"), file("new")), base.chainId);
  const next = await apply(archive(file("top")), middle.chainId);
  const target = join(outside, "target");
  mkdirSync(target);
  mountOverlay(layers.view(next.chainId), target);
  expect(readdirSync(target).toSorted()).toEqual(["new", "top"]);
  expect((await layers.files(middle.chainId, signal)).map(({ path, change }) => [path, change])).toEqual([
    ["/new", "added"],
  ]);
});

test("prepare() puts the mount points of every start below the snapshot, with the image's own attributes", async () => {
  const xattrs = new Map([["user.colour", Buffer.from("red")]]);
  const etc = tarMember({ ...plain, name: "etc", type: "directory", mode: 0o2750, uid: 5, gid: 7, xattrs });
  const image = await apply(
    archive(etc, file("etc/hosts", "image"), link("proc", "/elsewhere"), file("dev")),
  );
  await layers.prepare("box", image.chainId, signal);
  await layers.prepare("other", image.chainId, signal);
  expect(layers.mount("box").lowers).toEqual(layers.mount("other").lowers);
  const target = join(outside, "target");
  mkdirSync(target);
  mountOverlay(layers.mount("box"), target);
  expect(readdirSync(target).toSorted()).toEqual([".dockerenv", "dev", "etc", "proc", "sys"]);
  expect(readFileSync(join(target, "etc/hosts"), "utf8")).toBe("");
  const stats = lstatSync(join(target, "etc"), { bigint: true });
  expect([stats.mode & 0o7777n, stats.uid, stats.gid]).toEqual([0o2750n, 5n, 7n]);
  expect(getXattr(join(target, "etc"), "user.colour")?.toString()).toBe("red");
  expect(lstatSync(join(target, "proc")).isDirectory()).toBe(true);
  expect(readdirSync(join(target, "dev")).toSorted()).toEqual(["console", "pts", "shm"]);
  expect(await layers.changes("box", signal)).toEqual([]);
});

test("open() removes an init layer that no snapshot needs and keeps the others", async () => {
  const store = memoryStore();
  const reopened = async (): Promise<Layers> =>
    await openLayers({ dataRoot: root, store: { ...store, table: sharedTable }, log: silentLogger }, signal);
  const tables = new Map<string, unknown>();
  const sharedTable: typeof store.table = <T>(...args: Parameters<typeof store.table<T>>) => {
    const known = tables.get(args[0]) ?? store.table<T>(...args);
    tables.set(args[0], known);
    return known as ReturnType<typeof store.table<T>>;
  };
  const first = await reopened();
  await first.prepare("box", undefined, signal);
  mkdirSync(join(root, "init", "stale"));
  const again = await reopened();
  const [init = ""] = again.mount("box").lowers;
  expect(readdirSync(join(root, "init"))).toEqual([init.slice(init.lastIndexOf("/") + 1)]);
});

test("a folder that a layer needs but doesn't name keeps the attributes it has below", async () => {
  const tmp = tarMember({ ...plain, name: "tmp", type: "directory", mode: 0o1777, uid: 3 });
  const base = await apply(archive(tmp));
  const next = await apply(archive(file("tmp/a/b")), base.chainId);
  const target = join(outside, "target");
  mkdirSync(target);
  mountOverlay(layers.view(next.chainId), target);
  const stats = lstatSync(join(target, "tmp"));
  expect([stats.mode & 0o7777, stats.uid]).toEqual([0o1777, 3]);
  expect(lstatSync(join(target, "tmp/a")).mode & 0o7777).toBe(0o755);
});

test("changes looks neither through links of lower layers nor past their whiteouts", async () => {
  const base = await apply(archive(link("out", outside), folder("gone"), file("gone/f")));
  const next = await apply(archive(file(".wh.gone")), base.chainId);
  await layers.prepare("box", next.chainId, signal);
  const upper = layers.mount("box").upper ?? "";
  for (const name of ["out", "gone"]) mkdirSync(join(upper, name));
  for (const name of ["out/secret", "gone/f"]) writeFileSync(join(upper, name), "");
  expect(await layers.changes("box", signal)).toEqual([
    { kind: "added", path: "/gone" },
    { kind: "added", path: "/gone/f" },
    { kind: "modified", path: "/out" },
    { kind: "added", path: "/out/secret" },
  ]);
});

test("no walk over a live snapshot names what a swapped folder leads to", async () => {
  await layers.prepare("box", undefined, signal);
  const upper = layers.mount("box").upper ?? "";
  mkdirSync(join(upper, "b"));
  for (const name of ["a", "b/mine"]) writeFileSync(join(upper, name), "x".repeat(100));
  const names: string[] = [];
  for await (const piece of layers.exportDiff("box", signal)) {
    const text = Buffer.from(piece).toString("latin1");
    names.push(text);
    if (!text.includes("b/\0")) continue;
    renameSync(join(upper, "b"), join(upper, "z"));
    symlinkSync(outside, join(upper, "b"));
  }
  expect(names.join()).not.toContain("secret");
  expect((await layers.changes("box", signal)).map(({ path }) => path)).toEqual([
    "/a",
    "/b",
    "/z",
    "/z/mine",
  ]);
  expect(await layers.usageBytes("box", signal)).toBe(200 + outside.length);
});

test("openLayers() refuses a data root that overlayfs can't write to, by name", async () => {
  const target = join(outside, "target");
  for (const name of ["target", "lower", "upper", "work"]) mkdirSync(join(outside, name));
  const [upper, work] = [join(outside, "upper"), join(outside, "work")];
  mountOverlay({ lowers: [join(outside, "lower")], upper, work }, target);
  const opening = openLayers({ dataRoot: target, store: memoryStore(), log: silentLogger }, signal);
  await expect(opening).rejects.toMatchObject({
    kind: "unavailable",
    message: expect.stringContaining(`data root "${target}" cannot hold containers' writable layers`),
  });
  expect(readdirSync(join(target, "tmp"))).toEqual([]);
});
