import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { parseReference } from "#spec";
import { FakeLayers } from "#testing/layers";
import { sleeper } from "#testing/runtime";
import { describe, expect, test } from "vitest";
import { FAKE_IMAGE, type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

const never = new AbortController().signal;
const plain = { isForced: false, hasVolumes: false };
const forced = { isForced: true, hasVolumes: false };
const ground = (): Promise<FakeGround> => openOnFakes({ programs: { sleeper } });

async function make(
  { room }: FakeGround,
  name: string,
  host: Parameters<typeof plainRequest>[1] = {},
  more: Partial<ReturnType<typeof plainRequest>> = {},
): Promise<string> {
  const { id } = await room.create({ ...plainRequest(["sleeper"], host), name, ...more }, never);
  return id;
}

const namesOf = (under: FakeGround): readonly string[] => under.room.list().map(({ name }) => name);

describe("a container in the trash", () => {
  test("is seen by nobody, and its name is free; it comes back whole under it or another", async () => {
    await using under = await ground();
    const id = await make(under, "web");
    const { layers } = under;
    if (layers instanceof FakeLayers) layers.change(id, { note: "kept" });
    const before = under.room.get("web");
    const gone = under.room.wait("web", "removed", never);
    expect(await under.room.discard("web", plain, never)).toBe(id);
    expect(await gone).toEqual({ code: 0 });
    for (const name of ["web", id, id.slice(0, 12)])
      expect(() => under.room.get(name)).toThrow("No such container");
    expect(under.room.trashed()).toMatchObject([{ container: { id, name: "web" } }]);
    const other = await make(under, "web");
    await expect(under.room.restore(id, {}, never)).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringContaining(
        `The container name "/web" is already in use by container "${other}"`,
      ) as string,
    });
    await expect(under.room.restore(id, { name: "no/name" }, never)).rejects.toMatchObject({
      kind: "invalid",
    });
    expect(await under.room.restore(id, { name: "/back" }, never)).toEqual({ name: "back", warnings: [] });
    expect(under.room.get(id)).toEqual({ ...before, name: "back" });
    expect(await layers.changes(id, never)).toMatchObject([{ path: "/note" }]);
    expect(under.room.trashed()).toEqual([]);
    await under.room.start("back", never);
    await expect(under.room.restore(id, {}, never)).rejects.toMatchObject({ kind: "not_found" });
  });

  test("was stopped, or is killed by force; --rm means nothing to it", async () => {
    await using under = await ground();
    for (const AutoRemove of [false, true]) {
      const id = await make(under, "web", { AutoRemove });
      await under.room.start(id, never);
      await expect(under.room.discard(id, plain, never)).rejects.toMatchObject({
        kind: "conflict",
        message:
          'cannot remove container "web": container is running: stop the container before removing or force remove',
      });
      await under.room.discard(id, forced, never);
      expect([namesOf(under), under.room.trashed().length]).toEqual([[], 1]);
      const { warnings } = await under.room.restore(id, {}, never);
      expect(warnings).toEqual(
        AutoRemove ? ["the container was to be removed at its end: now it stays"] : [],
      );
      const { host, state } = under.room.get(id);
      expect([host.AutoRemove, state.status, state.exitCode]).toEqual([false, "exited", 137]);
      await under.room.remove(id, plain, never);
    }
  });

  test("outlives the engine with its log and files, and is not started by its policy", async () => {
    await using under = await ground();
    const id = await make(under, "web", { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } });
    await under.room.start(id, never);
    await under.room.discard(id, forced, never);
    const directory = path.join(under.folder, "data/containers", id);
    expect(existsSync(directory)).toBe(true);
    await under.restart();
    expect([existsSync(directory), [...under.layers.snapshots()]]).toEqual([true, [id]]);
    expect(namesOf(under)).toEqual([]);
    await under.room.restore(id, {}, never);
    expect(under.room.get("web").state.status).toBe("exited");
  });

  test("purge() takes its files and leaves the others", async () => {
    await using under = await ground();
    const [one, two] = [await make(under, "one"), await make(under, "two")];
    for (const id of [one, two]) await under.room.discard(id, plain, never);
    await under.room.purge(one);
    await under.room.purge(one);
    expect([...under.layers.snapshots()]).toEqual([two]);
    expect(existsSync(path.join(under.folder, "data/containers", one))).toBe(false);
    expect(under.room.trashed()).toMatchObject([{ container: { id: two } }]);
  });

  test("prune() into the trash gives nothing back yet", async () => {
    await using under = await ground();
    const [stopped, running] = [await make(under, "stopped"), await make(under, "running")];
    await under.room.start(running, never);
    expect(await under.room.prune(() => true, never, { isDiscarding: true })).toEqual({
      removed: [stopped],
      reclaimedBytes: 0,
    });
    expect(under.room.trashed()).toMatchObject([{ container: { id: stopped } }]);
  });
});

describe("what a container in the trash needs", () => {
  const mounted = (...Binds: readonly string[]): Parameters<typeof plainRequest>[1] => ({ Binds });

  test("named volumes don't keep others from removing them, and come back with it", async () => {
    await using under = await ground();
    const { room, volumes } = under;
    const id = await make(under, "web", mounted("data:/data", "logs:/logs:ro"));
    await writeFile(path.join(volumes.get("data").mountpoint, "f"), "precious");
    await room.discard(id, plain, never);
    expect(volumes.usedBy("data")).toEqual([]);
    await volumes.remove("data", { isForced: false });
    await under.restart();
    await volumes.create({ name: "data" }, never);
    await expect(under.room.restore(id, {}, never)).rejects.toMatchObject({
      kind: "conflict",
      message: 'cannot restore volume "data": the name "data" was taken meanwhile, want another name',
    });
    expect(namesOf(under)).toEqual([]);
    await under.room.restore(id, { volumes: { data: "data2" } }, never);
    const { mounts, host } = under.room.get("web");
    expect(host.Binds).toEqual(["data2:/data", "logs:/logs:ro"]);
    const [data] = mounts;
    expect(data).toMatchObject({
      name: "data2",
      source: volumes.get("data2").mountpoint,
      destination: "/data",
    });
    expect(await readFile(path.join(data?.source ?? "", "f"), "utf8")).toBe("precious");
    expect([volumes.usedBy("data2"), volumes.usedBy("data"), volumes.usedBy("logs")]).toEqual([
      [id],
      [],
      [id],
    ]);
    expect(volumes.trashed()).toEqual([]);
  });

  test("anonymous volumes go with it and come back with it, or go for good", async () => {
    await using under = await ground();
    const settings = { ...plainRequest(["sleeper"]).settings, Volumes: { "/cache": {} } };
    const id = await make(under, "web", {}, { settings });
    const [volume] = under.volumes.list();
    await writeFile(path.join(volume?.mountpoint ?? "", "f"), "x");
    await under.room.discard(id, { isForced: false, hasVolumes: true }, never);
    expect(under.volumes.list()).toEqual([]);
    await under.room.restore(id, {}, never);
    expect(under.volumes.list()).toEqual([volume]);
    expect(existsSync(path.join(volume?.mountpoint ?? "", "f"))).toBe(true);
    await under.room.discard(id, { isForced: false, hasVolumes: true }, never);
    await under.room.purge(id);
    expect([under.volumes.list(), under.volumes.trashed()]).toEqual([[], []]);
  });

  test("a network that is gone is made again as it was, with the aliases on it", async () => {
    await using under = await ground();
    const { networks } = under;
    const pools = [{ subnet: "10.99.7.0/24" }];
    const { network } = await networks.create(
      { name: "backend", labels: { a: "b" }, ipam: { pools } },
      never,
    );
    const endpoints = { backend: { Aliases: ["db"] } };
    const id = await make(under, "web", { NetworkMode: "backend" }, { endpoints });
    await under.room.discard(id, plain, never);
    await networks.remove("backend");
    expect((await under.room.restore(id, {}, never)).warnings).toEqual([
      "network backend was gone and is made again",
    ]);
    expect(networks.get("backend")).toMatchObject({ labels: { a: "b" }, ipam: network.ipam });
    expect(under.room.get(id).endpoints).toMatchObject({ backend: { Aliases: ["db"] } });
    await under.room.discard(id, plain, never);
    await networks.remove("backend");
    await networks.create({ name: "thief", ipam: { pools } }, never);
    expect((await under.room.restore(id, {}, never)).warnings).toEqual([
      "network backend was gone and is made again, on another subnet: its own was taken",
    ]);
  });

  test("its image may be removed by anybody, and comes back with it; names of others stay theirs", async () => {
    await using under = await ground();
    const { images, room } = under;
    const id = await make(under, "web");
    await images.tag(FAKE_IMAGE, parseReference("fake/other:1"));
    const image = images.get(FAKE_IMAGE);
    await room.discard(id, plain, never);
    await images.remove(image.id, { isForced: true, isPruningParents: true });
    expect(images.list()).toEqual([]);
    expect(await room.restore(id, {}, never)).toEqual({ name: "web", warnings: [] });
    expect(images.list()).toEqual([image]);
    await room.discard(id, plain, never);
    await images.remove(image.id, { isForced: true, isPruningParents: true });
    await room.purge(id);
    expect([images.list(), images.trashed()]).toEqual([[], []]);
  });
});
