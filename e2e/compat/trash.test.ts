import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Docker } from "@longshore/client";
import { dockerArchive } from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { STARTER, until } from "./docker.ts";
import { Disk, MIB } from "./small-disk.ts";

/** Metadata and folders are a few pages; the objects are chosen much larger. */
const NEAR_BYTES = MIB;

describe.skipIf(process.env["DOCKER_PEER"])("the trash", () => {
  const disk = new Disk();
  let client: Docker;
  const docker = (...args: readonly string[]): Promise<string> => disk.ok("", ...args);
  beforeAll(async () => {
    await disk.open(256, 100_000, ["--trash-quota", "200m"]);
    client = new Docker({ socketPath: disk.engine?.socket ?? "" });
  });
  afterAll(() => disk.close());

  test("a container comes back under another name with its files, log, volume, network, address and alias", async () => {
    await docker("network", "create", "--subnet", "10.251.9.0/24", "backend");
    await docker(
      "run",
      "-d",
      "--name",
      "web",
      "--network",
      "backend",
      "--network-alias",
      "site",
      "--ip",
      "10.251.9.9",
      "-v",
      "data:/data",
      "-v",
      "/cache",
      "-e",
      "A=b",
      STARTER,
      "sh",
      "-c",
      "echo written > /note; echo kept > /data/f; echo cached > /cache/f; echo said; exec sleep 600",
    );
    const said = (name: string): Promise<string> => docker("logs", name);
    await until("its output", async () => (await said("web")) === "said");
    const before = JSON.parse(await docker("inspect", "web"))[0];
    const { id = "" } = await client.longshore.discard({
      kind: "container",
      id: "web",
      isForced: true,
      hasVolumes: true,
    });
    expect(id).toBe(before.Id);
    // Foreign clients see nothing of it, and everything it had is theirs to take.
    expect(await docker("ps", "-aq")).toBe("");
    expect((await disk.docker("", "inspect", id)).stderr).toContain("No such object");
    expect(await docker("volume", "ls", "-q")).toBe("data");
    expect(await docker("volume", "rm", "data")).toBe("data");
    expect(await docker("network", "rm", "backend")).toBe("backend");
    await docker("run", "-d", "--name", "web", STARTER, "sleep", "600");
    await docker("volume", "create", "data");
    await docker("system", "prune", "-af", "--volumes");

    await expect(client.longshore.restore(id)).rejects.toMatchObject({ statusCode: 409 });
    await expect(client.longshore.restore(id, { name: "web2" })).rejects.toMatchObject({
      statusCode: 409,
      message: expect.stringContaining('cannot restore volume "data"') as string,
    });
    expect(await client.longshore.restore(id, { name: "web2", volumes: { data: "data2" } })).toEqual({
      kind: "container",
      name: "web2",
      warnings: ["network backend was gone and is made again"],
    });
    const after = JSON.parse(await docker("inspect", "web2"))[0];
    expect(after).toMatchObject({
      Id: before.Id,
      Image: before.Image,
      Config: before.Config,
      Created: before.Created,
      HostConfig: { ...before.HostConfig, Binds: ["data2:/data"] },
    });
    expect(await said("web2")).toBe("said");
    await docker("start", "web2");
    expect(await docker("exec", "web2", "cat", "/note", "/data/f", "/cache/f")).toBe("written\nkept\ncached");
    expect(await docker("exec", "web2", "ip", "-4", "addr", "show", "eth0")).toContain("10.251.9.9/24");
    expect(
      await docker("run", "--rm", "--network", "backend", STARTER, "ping", "-c", "1", "-W", "5", "site"),
    ).toContain("10.251.9.9");
    expect((await client.longshore.trash()).entries).toEqual([]);
    await docker("rm", "-fv", "web", "web2");
    await docker("volume", "rm", "-f", "data", "data2");
    await docker("network", "rm", "backend");
  });

  test("an image comes back with its tags, and still shares its layers", async () => {
    const base = [{ name: "base", data: randomBytes(8 * MIB) }];
    const archive = dockerArchive(
      { reference: "ls/one:1", layers: [base, [{ name: "one", data: randomBytes(2 * MIB) }]] },
      { reference: "ls/two:1", layers: [base, [{ name: "two", data: randomBytes(2 * MIB) }]] },
    );
    await disk.ok(archive, "load");
    await docker("tag", "ls/one:1", "ls/one:2");
    const id = await docker("image", "inspect", "-f", "{{.Id}}", "ls/one:1");
    const { id: entry = "" } = await client.longshore.discard({ kind: "image", id, isForced: true });
    await docker("rmi", "ls/two:1");
    expect(await docker("images", "-q", "ls/*")).toBe("");
    const { entries, usedBytes } = await client.longshore.trash();
    expect(entries).toMatchObject([{ id: entry, kind: "image", name: "ls/one:1" }]);
    expect(Math.abs(usedBytes - 20 * MIB)).toBeLessThan(NEAR_BYTES);
    await disk.engine?.restart();
    await disk.ok(dockerArchive({ reference: "ls/one:2", layers: [[{ name: "other", data: "x" }]] }), "load");
    await expect(client.longshore.restore(entry)).rejects.toMatchObject({ statusCode: 409 });
    await client.longshore.restore(entry, { name: "ls/back:1" });
    expect((await docker("image", "inspect", "-f", "{{json .RepoTags}}", id)).trim()).toBe(
      '["ls/back:1","ls/one:1"]',
    );
    expect(await disk.ok(archive, "load")).toContain("ls/two:1");
    const { layers } = await client.longshore.reclaimReport();
    const shared = layers.filter(({ neededBy }) => neededBy.length === 2);
    expect(shared.map(({ neededBy }) => neededBy.map(({ name }) => name).toSorted())).toContainEqual([
      "ls/back:1",
      "ls/two:1",
    ]);
    await docker("rmi", "-f", id, "ls/one:2", "ls/two:1");
  });

  test("a volume comes back with its data; its name may have been taken", async () => {
    await docker("volume", "create", "--label", "a=b", "data");
    const { Mountpoint } = JSON.parse(await docker("volume", "inspect", "data"))[0];
    writeFileSync(`${Mountpoint}/f`, "precious");
    const { id = "" } = await client.longshore.discard({ kind: "volume", id: "data" });
    await docker("volume", "create", "data");
    await expect(client.longshore.restore(id)).rejects.toMatchObject({ statusCode: 409 });
    await docker("volume", "rm", "data");
    await client.longshore.restore(id);
    const again = JSON.parse(await docker("volume", "inspect", "data"))[0];
    expect(again).toMatchObject({ Mountpoint, Labels: { a: "b" } });
    expect(readFileSync(`${Mountpoint}/f`, "utf8")).toBe("precious");
    await docker("volume", "rm", "data");
  });

  test("a prune goes into it, and emptying it gives the bytes back that were predicted", async () => {
    const archive = dockerArchive({
      reference: "ls/big:1",
      layers: [[{ name: "f", data: randomBytes(12 * MIB) }]],
    });
    await disk.ok(archive, "load");
    await docker(
      "run",
      "--name",
      "box",
      "-v",
      "data:/data",
      STARTER,
      "sh",
      "-c",
      "head -c 5242880 /dev/urandom > /f",
    );
    await docker(
      "run",
      "--rm",
      "-v",
      "data:/data",
      STARTER,
      "sh",
      "-c",
      "head -c 3145728 /dev/urandom > /data/f",
    );
    await client.longshore.pruneIntoTrash("container");
    await client.longshore.pruneIntoTrash("volume", { all: ["true"] });
    await client.longshore.pruneIntoTrash("image", { dangling: ["false"], label: ["none"] });
    expect((await client.longshore.trash()).entries.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      "container box",
      "volume data",
    ]);
    await client.longshore.discard({ kind: "image", id: "ls/big:1" });
    const { entries, usedBytes } = await client.longshore.trash();
    expect(Math.abs(usedBytes - 32 * MIB)).toBeLessThan(NEAR_BYTES);
    const one = await client.longshore.emptyTrash([entries[0]?.id ?? ""]);
    // The volume was removed after it and by itself, so it stays.
    expect(Math.abs(one.predictedBytes - 5 * MIB)).toBeLessThan(NEAR_BYTES);
    const rest = await client.longshore.emptyTrash();
    for (const { predictedBytes, measuredBytes } of [one, rest])
      expect(Math.abs(measuredBytes - predictedBytes)).toBeLessThan(NEAR_BYTES);
    expect(Math.abs(rest.predictedBytes - 27 * MIB)).toBeLessThan(NEAR_BYTES);
    expect((await client.longshore.trash()).usedBytes).toBe(0);
    await disk.waitForNothingLeft();
  });

  test("what any other client removes is gone for good", async () => {
    await docker("create", "--name", "box", STARTER, "true");
    await docker("volume", "create", "data");
    await docker("rm", "box");
    await docker("volume", "rm", "data");
    expect((await client.longshore.trash()).entries).toEqual([]);
    await disk.waitForNothingLeft();
    for (const kind of ["thing", ""] as unknown as readonly "image"[]) {
      await expect(client.longshore.discard({ kind, id: "box" })).rejects.toMatchObject({ statusCode: 400 });
      await expect(client.longshore.pruneIntoTrash(kind)).rejects.toMatchObject({ statusCode: 400 });
    }
    await expect(client.longshore.discard({ kind: "container", id: "box" })).rejects.toMatchObject({
      statusCode: 404,
      message: expect.stringContaining("No such container: box") as string,
    });
  });
});
