import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { dockerArchive, tarOf } from "@longshore/testkit";
import { LongshoreError } from "#kernel";
import { digestOf, parseReference } from "#spec";
import { FakeLayers } from "#testing/layers";
import { type FakeFaults, FakeRegistry } from "#testing/registry";
import type { Images } from "./contract.ts";
import { fakeImages } from "./testing.ts";

const NAME = "registry.test/c/app:1";
const reference = parseReference(NAME);
const quiet = (): void => {};
const SIZE = 400_000;

/** A room before a registry that has one image of one incompressible layer. */
async function ground(signal: AbortSignal): Promise<{
  readonly images: Images;
  readonly layers: FakeLayers;
  readonly faults: FakeFaults;
  /** Where the reads of the layer's blob began. */
  readonly offsets: () => readonly (number | undefined)[];
}> {
  const registry = new FakeRegistry();
  const tar = tarOf([{ name: "f", data: randomBytes(SIZE) }]);
  async function* archive(): AsyncGenerator<Buffer> {
    yield dockerArchive({ reference: NAME, layers: [tar] });
  }
  const elsewhere = await fakeImages({ registry });
  await elsewhere.load(archive(), {}, quiet, signal);
  await elsewhere.push(NAME, {}, quiet, signal);
  const layers = new FakeLayers();
  const manifest = await registry.repository(reference, undefined, "pull").manifest("1", signal);
  const { layers: parts } = JSON.parse(manifest.bytes.toString()) as { layers: { digest: string }[] };
  expect(digestOf(manifest.bytes)).toBe(manifest.digest);
  return {
    images: await fakeImages({ registry, layers }),
    layers,
    faults: registry.faults,
    offsets: () =>
      registry.requests
        .filter(({ action, what }) => action === "blob" && what === parts[0]?.digest)
        .map(({ fromByte }) => fromByte),
  };
}

test("two pulls of the same share one download, which outlives the one that is given up", async ({
  signal,
}) => {
  const { images, faults, offsets } = await ground(signal);
  const door = Promise.withResolvers<void>();
  faults.throttle = (_, done) => (done < SIZE / 2 ? Promise.resolve() : door.promise);
  const stop = new AbortController();
  const reason = new Error("client went away");
  const first = images.pull(reference, {}, quiet, AbortSignal.any([signal, stop.signal]));
  const gone = expect(first).rejects.toBe(reason);
  const second = images.pull(reference, {}, quiet, signal);
  await expect.poll(offsets).toEqual([0]);
  // Both have asked for the manifest and wait for the layer.
  await new Promise((resolve) => setImmediate(resolve));
  stop.abort(reason);
  await gone;
  door.resolve();
  await second;
  expect(offsets()).toEqual([0]);
  expect(images.get(NAME).repoTags).toEqual([NAME]);
});

test("a pull whose registry goes away fails, and the next one asks for the rest alone", async ({
  signal,
}) => {
  const { images, layers, faults, offsets } = await ground(signal);
  Object.assign(faults, { cutAfterBytes: 150_000, cuts: 1 });
  await expect(images.pull(reference, {}, quiet, signal)).rejects.toMatchObject({ kind: "unavailable" });
  expect([images.list(), await Array.fromAsync(layers.blobs.list())]).toEqual([[], []]);
  Object.assign(faults, { cutAfterBytes: undefined, cuts: undefined });
  await images.pull(reference, {}, quiet, signal);
  expect(offsets()).toEqual([0, 150_000, 300_000]);
  expect(images.get(NAME).sizeBytes).toBe(SIZE);
});

test("a registry that nobody answers at is told as it is, and nothing stays", async ({ signal }) => {
  const { images, layers, faults } = await ground(signal);
  faults.failure = new LongshoreError(
    "unavailable",
    "dial tcp registry.test:443: connect: connection refused",
  );
  for (const asked of [
    images.pull(reference, {}, quiet, signal),
    images.distribution(reference, undefined, signal),
    images.login({ serveraddress: "registry.test" }, signal),
  ])
    await expect(asked).rejects.toBe(faults.failure);
  expect([images.list(), [...layers.list()], await Array.fromAsync(layers.blobs.list())]).toEqual([
    [],
    [],
    [],
  ]);
});
