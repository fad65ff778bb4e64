import { randomBytes } from "node:crypto";
import { Docker } from "@longshore/client";
import { dockerArchive } from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { STARTER } from "./docker.ts";
import { Disk, MIB } from "./small-disk.ts";

/** Metadata and folders are a few pages; the objects are chosen much larger. */
const NEAR_BYTES = MIB;

describe.skipIf(process.env["DOCKER_PEER"])("the reclaim ledger", () => {
  const disk = new Disk();
  let client: Docker;
  beforeAll(async () => {
    await disk.open(256, 100_000);
    client = new Docker({ socketPath: disk.engine?.socket ?? "" });
    const file = (name: string, mib: number): { name: string; data: Buffer } => ({
      name,
      data: randomBytes(mib * MIB),
    });
    const base = [file("base", 16)];
    const archive = dockerArchive(
      { reference: "ls/one:1", layers: [base, [file("one", 4)]] },
      { reference: "ls/two:1", layers: [base, [file("two", 8)]] },
    );
    await disk.ok(archive, "load");
    await disk.ok("", "create", "--name", "holder", "ls/one:1", "/nothing");
    await disk.ok("", "volume", "create", "data");
    await disk.ok(
      "",
      "run",
      "--rm",
      "-v",
      "data:/data",
      STARTER,
      "sh",
      "-c",
      "head -c 6291456 /dev/urandom > /data/f",
    );
  });
  afterAll(() => disk.close());

  test("tells exclusive and shared bytes, who shares, the last use and the price", async () => {
    const { items, layers, disk: space } = await client.longshore.reclaimReport();
    const find = (name: string): (typeof items)[number] | undefined =>
      items.find((item) => item.name === name);
    // A layer is kept unpacked and as its archive.
    expect(near(find("ls/two:1")?.exclusiveBytes, 16 * MIB)).toBe(true);
    expect(near(find("ls/two:1")?.sharedBytes, 32 * MIB)).toBe(true);
    expect(find("ls/two:1")?.sharedWith.map(({ name }) => name)).toEqual(["ls/one:1", "holder"]);
    expect(find("ls/two:1")?.cost).toEqual({ kind: "lost" });
    expect(near(find("ls/one:1")?.exclusiveBytes, 0)).toBe(true);
    // The container's making, by its record or by its event a moment later.
    expect(["created", "event"]).toContain(find("ls/one:1")?.lastUse?.from);
    expect(find("holder")).toMatchObject({ kind: "container", cost: { kind: "recreate" } });
    expect(near(find("data")?.exclusiveBytes, 6 * MIB)).toBe(true);
    expect(find("data")).toMatchObject({
      kind: "volume",
      cost: { kind: "lost" },
      lastUse: { from: "event" },
    });
    const base = layers.find(({ neededBy }) => neededBy.length === 3);
    expect(near(base?.diskBytes, 16 * MIB) && near(base?.archiveBytes, 16 * MIB)).toBe(true);
    expect(space.totalBytes).toBe(256 * MIB);
  });

  test("predicts a set as a whole, and names what is in the way", async () => {
    const predict = (...items: readonly { kind: "image" | "container" | "volume"; id: string }[]) =>
      client.longshore.predictReclaim(items);
    const one = { kind: "image", id: "ls/one:1" } as const;
    const two = { kind: "image", id: "ls/two:1" } as const;
    const holder = { kind: "container", id: "holder" } as const;
    const blocked = await predict(one, two);
    expect(blocked.blocked).toMatchObject([{ ref: { name: "ls/one:1" }, by: [{ name: "holder" }] }]);
    expect(near(blocked.predictedBytes, 16 * MIB)).toBe(true);
    expect(near((await predict(one, holder)).predictedBytes, 8 * MIB)).toBe(true);
    expect(near((await predict(one, two, holder)).predictedBytes, 56 * MIB)).toBe(true);
    await expect(predict({ kind: "image", id: "ls/none:1" })).rejects.toMatchObject({ statusCode: 404 });
    await expect(predict({ kind: "thing" as "image", id: "a" })).rejects.toMatchObject({ statusCode: 400 });
  });

  test("removes a set: what it gave back is what was predicted, and the refused is told", async () => {
    const refused = await client.longshore.reclaim([{ kind: "image", id: "ls/one:1" }]);
    expect(refused).toMatchObject({
      removed: [],
      failed: [{ message: "image ls/one:1 cannot be removed: it is in use by container holder" }],
    });
    const done = await client.longshore.reclaim([
      { kind: "volume", id: "data" },
      { kind: "image", id: "ls/one:1" },
      { kind: "image", id: "ls/two:1" },
      { kind: "container", id: "holder" },
    ]);
    expect(done.failed).toEqual([]);
    expect(done.removed.map(({ name }) => name)).toEqual(["holder", "ls/one:1", "ls/two:1", "data"]);
    expect(near(done.predictedBytes, 62 * MIB)).toBe(true);
    expect([done.predictedBytes, near(done.measuredBytes, done.predictedBytes)]).toEqual([
      expect.any(Number),
      true,
    ]);
    await disk.waitForNothingLeft();
  });

  test("the last container of an image that was removed by force takes its layers along", async () => {
    const layer = [{ name: "f", data: randomBytes(8 * MIB) }];
    await disk.ok(dockerArchive({ reference: "ls/gone:1", layers: [layer] }), "load");
    await disk.ok("", "create", "--name", "box", "ls/gone:1", "/nothing");
    await disk.ok("", "rmi", "-f", "ls/gone:1");
    const done = await client.longshore.reclaim([{ kind: "container", id: "box" }]);
    expect([near(done.predictedBytes, 16 * MIB), near(done.measuredBytes, done.predictedBytes)]).toEqual([
      true,
      true,
    ]);
    await disk.waitForNothingLeft();
  });
});

function near(bytes: number | undefined, wanted: number): boolean {
  return bytes !== undefined && Math.abs(bytes - wanted) < NEAR_BYTES;
}
