import { describe, expect, test } from "vitest";
import { dockerArchive, tarOf } from "@longshore/testkit";
import { digestOf } from "#spec";
import { type FakeGround, plainRequest } from "#testing/containers";
import type { System } from "./contract.ts";
import { FAKE_IDENTITY } from "./testing.ts";

/** A system under test, and the rooms that it looks at. */
export interface SystemUnderTest extends AsyncDisposable {
  readonly system: System;
  readonly ground: FakeGround;
  /** As the container would: a new file of so many bytes. */
  write(containerId: string, bytes: number): void;
}

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
const of = (bytes: number): Buffer => tarOf([{ name: `f${bytes}`, data: Buffer.alloc(bytes, 1) }]);

/** What every System does. `make` gives one over an engine with one image without layers, and programs `sleeper` and `short`. */
export function systemConformance(what: string, make: () => Promise<SystemUnderTest>): void {
  describe(`${what} is a System`, () => {
    test("info() counts containers by state, and images", async ({ signal }) => {
      await using under = await make();
      const { room } = under.ground;
      expect(await under.system.info()).toMatchObject({ Containers: 0, Images: 1 });
      const [sleeping, paused] = await Promise.all(
        [["sleeper"], ["sleeper"], ["sleeper"]].map(async (command) => {
          const { id } = await room.create(plainRequest(command), signal);
          return id;
        }),
      );
      for (const id of [sleeping, paused]) await room.start(id ?? "", signal);
      await room.pause(paused ?? "");
      expect(await under.system.info()).toMatchObject({
        Containers: 3,
        ContainersRunning: 1,
        ContainersPaused: 1,
        ContainersStopped: 1,
        Driver: under.ground.layers.driver,
      });
    });

    test("info() and version() say what the engine is, insecure ranges and hosts apart", async () => {
      await using under = await make();
      expect(await under.system.info()).toMatchObject({
        ID: FAKE_IDENTITY.id,
        ServerVersion: "1.2.3",
        DockerRootDir: "/fake/data",
        DefaultRuntime: "fake",
        HttpProxy: FAKE_IDENTITY.proxies.http,
        NoProxy: "internal.test",
        RegistryConfig: {
          InsecureRegistryCIDRs: ["127.0.0.0/8", "::1/128", "10.0.0.0/8"],
          IndexConfigs: { "docker.io": { Secure: true }, "registry.test:5000": { Secure: false } },
          Mirrors: ["https://mirror.test/"],
        },
      });
      expect(under.system.version("1.51", "1.24")).toMatchObject({
        Version: "1.2.3",
        ApiVersion: "1.51",
        MinAPIVersion: "1.24",
        Components: [
          { Name: "Engine", Version: "1.2.3" },
          { Name: "fake", Version: "4.5.6" },
        ],
      });
    });

    test("diskUsage() counts each layer once and tells shared bytes apart", async ({ signal }) => {
      await using under = await make();
      const { images } = under.ground;
      const archive = dockerArchive(
        { reference: "one:1", layers: [of(1000), of(10)] },
        { reference: "two:1", layers: [of(1000), of(1)] },
        { reference: "own:1", layers: [of(5)] },
      );
      await images.load(once(archive), {}, () => {}, signal);
      const usage = await under.system.diskUsage(new Set(["image"]), signal);
      expect(usage.layersBytes).toBe(1016);
      const shared = ["one:1", "two:1", "own:1"].map((name) => usage.sharedBytes.get(images.get(name).id));
      expect(shared).toEqual([1000, 1000, 0]);
    });

    test("what came of a download that broke off is in the usage and the report, until a prune of images", async ({
      signal,
    }) => {
      await using under = await make();
      const { images, layers } = under.ground;
      async function* broken(): AsyncGenerator<Buffer> {
        yield Buffer.alloc(700);
        throw new Error("the network is gone");
      }
      const wanted = { digest: digestOf("whole"), sizeBytes: 1000 };
      await expect(layers.blobs.fetch(wanted, broken, signal)).rejects.toThrow("the network is gone");
      const seen = async (): Promise<readonly number[]> => [
        (await under.system.diskUsage(new Set(["image"]), signal)).layersBytes,
        (await under.system.reclaim.report(signal)).partialBytes,
      ];
      expect(await seen()).toEqual([700, 700]);
      expect((await images.prune({ isDanglingOnly: true })).reclaimedBytes).toBe(700);
      expect(await seen()).toEqual([0, 0]);
    });

    test("diskUsage() measures containers and volumes, each when asked for", async ({ signal }) => {
      await using under = await make();
      const { room, volumes } = under.ground;
      await volumes.create({ name: "used" }, signal);
      await volumes.create({ name: "idle" }, signal);
      const { id } = await room.create(plainRequest(["sleeper"], { Binds: ["used:/data"] }), signal);
      under.write(id, 300);
      const all = await under.system.diskUsage(new Set(), signal);
      expect(all.containers.get(id)).toEqual({ writableBytes: 300, rootBytes: 300 });
      expect(Object.fromEntries(all.volumes)).toEqual({
        used: { sizeBytes: 0, refCount: 1 },
        idle: { sizeBytes: 0, refCount: 0 },
      });
      const container = await under.system.diskUsage(new Set(["container"]), signal);
      expect([container.containers.size, container.volumes.size]).toEqual([1, 0]);
      const volume = await under.system.diskUsage(new Set(["volume"]), signal);
      expect([volume.containers.size, volume.volumes.size]).toEqual([0, 2]);
      const reason = new Error("client went away");
      await expect(under.system.diskUsage(new Set(), AbortSignal.abort(reason))).rejects.toBe(reason);
    });

    test("reclaim tells who shares what, predicts a set as a whole and removes it", async ({ signal }) => {
      await using under = await make();
      const { images, room, volumes } = under.ground;
      const { reclaim } = under.system;
      const archive = dockerArchive(
        { reference: "one:1", layers: [of(100_000), of(10_000)] },
        { reference: "two:1", layers: [of(100_000), of(20_000)] },
      );
      await images.load(once(archive), {}, () => {}, signal);
      await volumes.create({ name: "data" }, signal);
      const { id } = await room.create(plainRequest(["sleeper"], { Binds: ["data:/data"] }), signal);
      const { items } = await reclaim.report(signal);
      const one = items.find(({ name }) => name === "one:1");
      const two = items.find(({ name }) => name === "two:1");
      expect(one?.sharedWith).toEqual([{ kind: "image", id: two?.id, name: "two:1" }]);
      expect(one?.sharedBytes).toBe(two?.sharedBytes);
      const predict = async (...names: readonly string[]): Promise<number> =>
        (
          await reclaim.predict(
            names.map((name) => ({ kind: "image", id: name })),
            signal,
          )
        ).predictedBytes;
      const [alone, other] = [one?.exclusiveBytes ?? 0, two?.exclusiveBytes ?? 0];
      expect([await predict("one:1"), await predict("two:1")]).toEqual([alone, other]);
      expect(await predict("one:1", "two:1", "one:1")).toBe(alone + other + (one?.sharedBytes ?? 0));
      await room.start(id, signal);
      const done = await reclaim.remove(
        [
          { kind: "volume", id: "data" },
          { kind: "container", id },
          { kind: "image", id: "two:1" },
        ],
        signal,
      );
      expect(done).toMatchObject({ predictedBytes: other, removed: [{ name: "two:1" }] });
      const { name } = room.get(id);
      expect(done.failed.map(({ message }) => message)).toEqual([
        `container ${name} cannot be removed: it runs`,
        `volume data cannot be removed: it is in use by container ${name}`,
      ]);
      await expect(reclaim.predict([{ kind: "volume", id: "none" }], signal)).rejects.toMatchObject({
        kind: "not_found",
      });
    });

    test("diskUsage() after a prune has what is left", async ({ signal }) => {
      await using under = await make();
      const { images } = under.ground;
      await images.load(
        once(dockerArchive({ reference: "one:1", layers: [of(1000)] })),
        {},
        () => {},
        signal,
      );
      const { reclaimedBytes } = await images.prune({ isDanglingOnly: false });
      expect(reclaimedBytes).toBe(1000);
      const usage = await under.system.diskUsage(new Set(), signal);
      expect([usage.layersBytes, usage.sharedBytes.size]).toEqual([0, 0]);
    });
  });
}
