import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dockerArchive, tarOf } from "@longshore/testkit";
import { openEvents } from "#events";
import { isKind, silentLogger as log, systemClock } from "#kernel";
import { type Layers, openLayers } from "#layers";
import { parseReference } from "#spec";
import { FakeRegistry } from "#testing/registry";
import { memoryStore } from "#testing/store";
import { type Images, openImages } from "./index.ts";
import { fakeImages } from "./testing.ts";

const never = new AbortController().signal;
const quiet = (): void => {};
const NAME = "registry.test/c/app:1";
const PLENTY = { bytes: 1 << 26, inodes: 10_000 };
const MAX_STEPS = 60;
async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
/** Twelve files of bytes that don't compress, one of them large enough for an archive's layer to be unpacked while it is read. */
const layer = (name: string, largeBytes: number): Buffer =>
  tarOf(
    Array.from({ length: 12 }, (_, at) => ({
      name: `${name}${at}`,
      data: randomBytes(at === 5 ? largeBytes : 100),
    })),
  );

const archive = dockerArchive({ reference: NAME, layers: [layer("a", 1_200_000), layer("b", 200_000)] });

let root = "";
let open: AsyncDisposableStack;
let images: Images;
let layers: Layers;
let registry: FakeRegistry;
beforeEach(async () => {
  open = new AsyncDisposableStack();
  root = mkdtempSync(join(tmpdir(), "longshore-full-"));
  open.defer(() => rmSync(root, { recursive: true }));
  execFileSync("mount", ["-t", "tmpfs", "longshore-full", root]);
  open.defer(() => void execFileSync("umount", ["-l", root]));
  const store = memoryStore();
  layers = open.use(await openLayers({ dataRoot: root, store, log }, never));
  registry = new FakeRegistry();
  images = open.use(
    await openImages({ store, events: openEvents(), layers, registry, log, clock: systemClock }, never),
  );
});
afterEach(() => open[Symbol.asyncDispose]());

/** Leaves so much room and no more. */
function leave(room: { readonly bytes: number; readonly inodes: number }): void {
  const { bfree, bsize, blocks, files, ffree } = statfsSync(root);
  const size = (blocks - bfree) * bsize + room.bytes;
  execFileSync("mount", ["-o", `remount,size=${size},nr_inodes=${files - ffree + room.inodes}`, root]);
}

/** All that lies there, and all that is known. */
function rest(): readonly string[] {
  const folders = ["blobs/sha256", "layers", "snapshots", "tmp", "partial"];
  return [
    ...folders.flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`)),
    ...[...layers.list()].map(({ chainId }) => chainId),
    ...images.list().map(({ id }) => id),
  ].toSorted();
}

const work: Readonly<Record<string, () => Promise<unknown>>> = {
  pull: () => images.pull(parseReference(NAME), {}, quiet, never),
  load: () => images.load(once(archive), {}, quiet, never),
  import: () =>
    images.importRootfs(once(layer("i", 500_000)), { reference: parseReference(NAME) }, quiet, never),
  commit: () => {
    const { id, config } = images.get("base:1");
    return images.commit(id, once(layer("c", 500_000)), config, { reference: parseReference(NAME) }, never);
  },
};

/** Does it with ever more room: each time it is refused in words and leaves nothing, until there is enough. */
async function step(what: string, resource: "bytes" | "inodes", by: number): Promise<number> {
  const before = rest();
  for (let refusals = 0; refusals < MAX_STEPS; refusals++) {
    leave({ ...PLENTY, [resource]: refusals * by });
    try {
      await work[what]?.();
    } catch (error) {
      leave(PLENTY);
      if (!isKind(error, "internal")) throw error;
      expect(error.message).toMatch(/no space left on device/);
      expect(rest()).toEqual(before);
      continue;
    }
    leave(PLENTY);
    await images.remove(NAME, { isForced: false, isPruningParents: true });
    expect(rest()).toEqual(before);
    return refusals;
  }
  throw new Error(`${what} found no room in ${MAX_STEPS} steps of ${by} ${resource}`);
}

test.for([
  ["pull", "bytes", 400_000],
  ["load", "bytes", 400_000],
  ["import", "bytes", 200_000],
  ["commit", "bytes", 200_000],
  ["pull", "inodes", 6],
  ["load", "inodes", 6],
  ["import", "inodes", 3],
  ["commit", "inodes", 3],
] as const)("%s without %s left: refused at each step, and nothing stays", async ([what, resource, by]) => {
  const elsewhere = await fakeImages({ registry });
  await elsewhere.load(once(archive), {}, quiet, never);
  await elsewhere.push(NAME, {}, quiet, never);
  await images.load(once(dockerArchive({ reference: "base:1", layers: [layer("z", 10)] })), {}, quiet, never);
  expect(await step(what, resource, by)).toBeGreaterThan(3);
});
