import {
  closeSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deviceNumbers, getXattr } from "#host";
import { isKind, nameOf, pathOf, silentLogger } from "#kernel";
import { digestOf, hexOf, readTar, tarMember, type TarEntry } from "#spec";
import { memoryStore } from "#testing/store";
import { openLayers, type LayerRecord, type Layers } from "./index.ts";
import { archive, file, folder, link, plain } from "./test-archives.ts";

let outside = "";
let root = "";
let layers: Layers;
const { signal } = new AbortController();

async function* inPieces(bytes: Buffer, step: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}
const apply = async (bytes: Buffer, step = 100_000): Promise<LayerRecord> =>
  await layers.apply(undefined, inPieces(bytes, step), {}, signal);
const top = async (...members: Buffer[]): Promise<string> =>
  layers.view((await apply(archive(...members))).chainId).lowers[0] ?? "";
const special = (entry: Partial<TarEntry>): Buffer => tarMember({ ...plain, ...entry });
const indexOf = async (bytes: Buffer): Promise<string[]> => {
  const { chainId } = await apply(bytes);
  return (await layers.files(chainId, signal)).map(({ path, type }) => `${path} ${type}`);
};

beforeEach(async () => {
  outside = mkdtempSync(join(tmpdir(), "longshore-hostile-"));
  root = join(outside, "data");
  mkdirSync(root);
  writeFileSync(join(outside, "secret"), "host");
  layers = await openLayers({ dataRoot: root, store: memoryStore(), log: silentLogger }, signal);
});
afterEach(async () => {
  await layers[Symbol.asyncDispose]();
  expect(readdirSync(join(root, "tmp"))).toEqual([]);
  expect(readdirSync(outside).toSorted()).toEqual(["data", "secret"]);
  expect(readFileSync(join(outside, "secret"), "utf8")).toBe("host");
  rmSync(outside, { recursive: true, force: true });
});

const refused: readonly (readonly [string, readonly Buffer[], string])[] = [
  ["a hard link to what comes later", [link("h", "f", "hardlink"), file("f")], '"h" cannot be made: ENOENT'],
  ["a hard link that climbs", [link("h", "../../../etc/hostname", "hardlink")], '"h" cannot be made: ENOENT'],
  ["a hard link to a whiteout", [file(".wh.a"), link("b", "a", "hardlink")], "names a whiteout"],
  ["a whiteout of its own folder", [folder("a"), file("a/.wh..")], 'invalid whiteout name "a/.wh.."'],
  ["a whiteout of the folder above", [folder("a"), file("a/.wh...")], 'invalid whiteout name "a/.wh..."'],
  ["a whiteout of nothing", [file(".wh.")], 'invalid whiteout name ".wh."'],
  ["a root that is a file", [file(".", "x")], `layer's root "." is a file`],
  ["a root that is a link", [link("/", "/etc")], `layer's root "/" is a symlink`],
  [
    "an owner that chown(2) would not set",
    [special({ name: "a", uid: 0xffff_ffff })],
    "has owner 4294967295",
  ],
  ["a path longer than a path may be", [file("d/".repeat(2100))], "ENAMETOOLONG"],
  ["a file below a file", [file("a"), file("a/b")], '"/a" is not a directory'],
  ["a file below a dangling link", [link("a", "nowhere"), file("a/b")], '"/a" is not a directory'],
  ["a file below links in a circle", [link("a", "b"), link("b", "a"), file("a/c")], "is not a directory"],
];
test.each(refused)("apply() refuses %s, names it and leaves nothing", async (_what, members, message) => {
  await expect(apply(archive(file("before"), ...members))).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(message),
  });
  expect([...layers.list()]).toEqual([]);
  expect(readdirSync(join(root, "layers"))).toEqual([]);
});

test("a hard link to a link is a second name of the link", async () => {
  const place = await top(link("s", join(outside, "secret")), link("h", "s", "hardlink"));
  expect(readlinkSync(join(place, "h"))).toBe(join(outside, "secret"));
});

test("device nodes and fifos are made inside the layer and never read", async () => {
  const record = await apply(
    archive(
      special({ name: "null", type: "character", major: 1, minor: 3 }),
      special({ name: "disk", type: "block", major: 8, minor: 300 }),
      special({ name: "pipe", type: "fifo" }),
      link("again", "disk", "hardlink"),
      link("pipe2", "pipe", "hardlink"),
    ),
  );
  const place = layers.view(record.chainId).lowers[0] ?? "";
  expect(lstatSync(join(place, "pipe")).isFIFO()).toBe(true);
  expect(lstatSync(join(place, "null")).isCharacterDevice()).toBe(true);
  const disk = lstatSync(join(place, "disk"));
  expect([disk.isBlockDevice(), deviceNumbers(disk.rdev)]).toEqual([true, { major: 8, minor: 300 }]);
  for (const name of ["/disk", "/again", "/pipe2"])
    await expect(Array.fromAsync(layers.readFile(record.chainId, name, signal))).rejects.toMatchObject({
      kind: "invalid",
    });
});

test("of duplicates the last one stays, in the index and the size too", async () => {
  const bytes = archive(file("f", "123"), file("f", "45"), folder("d"), file("d/in", "6789"), file("d", "0"));
  const { chainId, sizeBytes } = await apply(bytes);
  expect(sizeBytes).toBe(3);
  expect((await layers.files(chainId, signal)).map(({ path, type }) => `${path} ${type}`)).toEqual([
    "/d file",
    "/f file",
  ]);
});

test("a member that comes through a link is indexed where it lies", async () => {
  expect(await indexOf(archive(folder("real"), link("way", "real"), file("way/f")))).toEqual([
    "/real directory",
    "/real/f file",
    "/way symlink",
  ]);
});

test("what AUFS kept for itself is left out", async () => {
  expect(await indexOf(archive(folder(".wh..wh.plnk"), file(".wh..wh.plnk/1.2"), file("a")))).toEqual([
    "/a file",
  ]);
});

test("owners, times and file capabilities are kept to the last bit", async () => {
  const capability = Buffer.from("0100000200040000000000000000000000000000", "hex");
  const xattrs = new Map([
    ["security.capability", capability],
    ["user.note", Buffer.from("x")],
    ["user.overlay.opaque", Buffer.from("y")],
  ]);
  const place = await top(
    special({ name: "a", uid: 4_000_000_000, gid: 3_000_000, modifiedNano: -1_234_567_891n, mode: 0o6755 }),
    special({ name: "b", xattrs }),
    special({ name: "c", type: "symlink", linkName: "a", xattrs }),
  );
  const stats = lstatSync(join(place, "a"), { bigint: true });
  expect([stats.uid, stats.gid, stats.mode & 0o7777n]).toEqual([4_000_000_000n, 3_000_000n, 0o6755n]);
  expect(stats.mtimeNs).toBe(-1_234_567_891n);
  expect(getXattr(join(place, "b"), "security.capability")).toEqual(capability);
  expect(getXattr(join(place, "b"), "user.overlay.opaque")).toBeUndefined();
});

test("a snapshot with folders deeper than a path may name is listed as too deep and removed", async () => {
  await layers.prepare("box", undefined, signal);
  let fd = openSync(layers.mount("box").upper ?? "", "r");
  for (let depth = 0; depth < 3000; depth++) {
    mkdirSync(`/proc/self/fd/${fd}/d`);
    const inner = openSync(`/proc/self/fd/${fd}/d`, "r");
    closeSync(fd);
    fd = inner;
  }
  closeSync(fd);
  await expect(layers.changes("box", signal)).rejects.toThrow(/path of \d+ bytes is too long/);
  await layers.removeSnapshot("box");
  expect(readdirSync(join(root, "snapshots"))).toEqual([]);
});

test("a sparse file takes no more room than its data", async () => {
  const map = "GNU.sparse.size=1000000000\nGNU.sparse.map=4,1";
  const records = Buffer.from(
    map
      .split("\n")
      .map((record) => `${record.length + 4} ${record}\n`)
      .join(""),
  );
  // Without nanoseconds tarMember puts no extended header of its own in front.
  const meta = tarMember({ ...plain, name: "meta", modifiedNano: 0n, sizeBytes: records.length }, records);
  meta.write("x", 156, "latin1");
  makeSumsRight(meta);
  const member = tarMember({ ...plain, name: "holes", modifiedNano: 0n, sizeBytes: 1 }, Buffer.from("x"));
  const stats = statSync(join(await top(meta, member), "holes"));
  expect(stats.size).toBe(1_000_000_000);
  expect(stats.blocks).toBeLessThan(100);
});

const bytes = archive(folder("etc"), file("etc/a", "1".repeat(70_000)), file("etc/b", "2".repeat(70_000)));
const half = 80_000;
const skippable = Buffer.from("502a4d1803000000aabbcc", "hex");
test.each([
  ["gzip members one after the other", [gzipSync(bytes.subarray(0, half)), gzipSync(bytes.subarray(half))]],
  [
    "zstd frames one after the other",
    [bytes.subarray(0, half), bytes.subarray(half)].map((part) => zstdCompressSync(part)),
  ],
  ["zstd frames to skip, before and after", [skippable, zstdCompressSync(bytes), skippable]],
] as const)("%s are one archive, in chunks of any size", async (_what, parts) => {
  for (const step of [1, 100_000]) {
    const { diffId } = await apply(Buffer.concat(parts).subarray(0), step === 1 ? 997 : step);
    expect(diffId).toBe(digestOf(bytes));
  }
});

test("an archive that is refused on the way leaves its source closed", async () => {
  let isClosed = false;
  const refusedAtOnce = file(".wh.");
  async function* source(): AsyncGenerator<Buffer> {
    try {
      yield refusedAtOnce;
      for (;;) yield Buffer.alloc(1_000_000);
    } finally {
      isClosed = true;
    }
  }
  await expect(layers.apply(undefined, source(), {}, signal)).rejects.toThrow("invalid whiteout name");
  expect(isClosed).toBe(true);
});

test("the compression is seen in chunks of one byte", async () => {
  const small = archive(file("a"));
  expect((await apply(gzipSync(small), 1)).diffId).toBe(digestOf(small));
});

test.each([
  ["gzip", gzipSync(bytes)],
  ["zstd", zstdCompressSync(bytes)],
])("%s that is cut or followed by garbage is refused", async (kind, packed) => {
  const message = expect.stringMatching(new RegExp(`${kind} data is broken|unexpected end`));
  await expect(apply(packed.subarray(0, -5))).rejects.toMatchObject({ kind: "invalid", message });
  await expect(apply(Buffer.concat([packed, Buffer.from("garbage behind")]))).rejects.toMatchObject({
    kind: "invalid",
  });
});

/** No program is started for what a registry gives. */
test.each([
  ["xz", "fd377a585a000004"],
  ["bzip2", "425a683931415926"],
])("%s is refused by name", async (kind, head) => {
  await expect(apply(Buffer.from(head, "hex"))).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining(`${kind} compression is not supported here`),
  });
});

/** `FUZZ_SECONDS=600` tries for longer; the seed is in the test's message. */
test("spoiled archives make a layer or an error that says invalid, and nothing else", async () => {
  const until = Date.now() + Number(process.env["FUZZ_SECONDS"] ?? 3) * 1000;
  const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 1_000_000);
  const random = mulberry(seed);
  const whole = archive(
    folder("a"),
    file("a/f", "y".repeat(700)),
    link("out", "../../.."),
    link("out2", outside),
    file("out/g"),
    link("h", "a/f", "hardlink"),
    file("a/.wh.x"),
    file("a/.wh..wh..opq"),
    special({ name: "n", type: "character", major: 1, minor: 3 }),
  );
  const names = ["..", "../..", "out/..", "out2/secret", "a/../out", "/", ".wh...", "a", "h", "n/.", "out2"];
  while (Date.now() < until) {
    const spoiled = Buffer.from(whole);
    for (let count = 1 + random(4); count > 0; count--) {
      const block = 512 * random(spoiled.length / 512);
      if (random(2) === 0) spoiled[block + random(512)] = random(256);
      else spoiled.write(`${names[random(names.length)]}\0`, block + (random(2) === 0 ? 0 : 157), "utf8");
    }
    if (random(4) > 0) makeSumsRight(spoiled);
    try {
      await apply(spoiled.subarray(0, random(5) === 0 ? random(spoiled.length) : spoiled.length));
    } catch (error) {
      if (!isKind(error, "invalid")) throw new Error(`seed ${seed}`, { cause: error });
    }
    expect(readdirSync(outside).toSorted(), `seed ${seed}`).toEqual(["data", "secret"]);
    expect(readdirSync(join(root, "tmp")), `seed ${seed}`).toEqual([]);
  }
});

function mulberry(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function makeSumsRight(tar: Buffer): void {
  for (let at = 0; at + 512 <= tar.length; at += 512) {
    const block = tar.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(32, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
}

test("names that are no UTF-8 are kept to the byte: unpacked, changed, packed and replaced", async () => {
  const name = (hex: string): string => nameOf(Buffer.from(hex, "hex"));
  const [e, ff, fe] = [name("636166e9"), name("ff"), name("fe")];
  const bytes = archive(
    file(ff, "1"),
    file(fe, "22"),
    folder(e),
    file(`${e}/${ff}`, "333"),
    link(`to-${ff}`, e),
    link(`${e}/hard`, `${e}/${ff}`, "hardlink"),
    folder(`${fe}d`),
    file(`${fe}d/inner${ff}`),
    file(`${fe}d`, "4444"),
  );
  const layer = await apply(bytes);
  // A link counts with the length of its target.
  expect(layer.sizeBytes).toBe(1 + 2 + 3 + 4 + 4);
  const place = join(root, "layers", hexOf(layer.chainId), "fs");
  const on = (folder: Buffer | string): readonly string[] =>
    readdirSync(folder, "buffer").map((raw) => raw.toString("hex"));
  expect(on(place).toSorted()).toEqual(["636166e9", "746f2dff", "fe", "fe64", "ff"]);
  expect(readFileSync(Buffer.concat([Buffer.from(`${place}/`), Buffer.of(0xfe)])).toString()).toBe("22");
  expect(readlinkSync(pathOf(`${place}/to-${ff}`), "buffer").toString("hex")).toBe("636166e9");
  await layers.prepare("names", layer.chainId, signal);
  const { upper = "" } = layers.mount("names");
  writeFileSync(pathOf(`${upper}/new${ff}`), "5");
  mkdirSync(pathOf(`${upper}/${e}`));
  writeFileSync(pathOf(`${upper}/${e}/more${fe}`), "66");
  expect((await layers.changes("names", signal)).map(({ kind, path }) => `${kind} ${path}`)).toEqual(
    expect.arrayContaining([`added /new${ff}`, `modified /${e}`, `added /${e}/more${fe}`]),
  );
  const packed = Buffer.concat(await Array.fromAsync(layers.exportDiff("names", signal)));
  const found = (await Array.fromAsync(readTar(inPieces(packed, 1000)))).map(({ entry }) => entry.name);
  expect(found).toEqual(expect.arrayContaining([`new${ff}`, `${e}/more${fe}`]));
  await layers.removeSnapshot("names");
});
