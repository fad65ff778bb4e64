import { expect, test } from "vitest";
import { sleeper } from "#testing/runtime";
import type { HostSettings } from "./settings.ts";
import { type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

const MIB = 1024 ** 2;
const run = async (ground: FakeGround, host: Partial<HostSettings>, signal: AbortSignal): Promise<string> => {
  const { id } = await ground.room.create(plainRequest(["sleeper"], host), signal);
  await ground.room.start(id, signal);
  return id;
};

test.for<[Partial<HostSettings>, Partial<HostSettings>, string]>([
  [{ CpuQuota: 50_000 }, { NanoCpus: 1e9 }, "Nano CPUs cannot be updated as CPU Quota has already been set"],
  [
    { CpuPeriod: 50_000 },
    { NanoCpus: 1e9 },
    "Nano CPUs cannot be updated as CPU Period has already been set",
  ],
  [{ NanoCpus: 1e9 }, { CpuQuota: 5000 }, "CPU Quota cannot be updated as NanoCPUs has already been set"],
  [{ NanoCpus: 1e9 }, { CpuPeriod: 5000 }, "CPU Period cannot be updated as NanoCPUs has already been set"],
  [{}, { Memory: 64 * MIB }, "Memory limit should be smaller than already set memoryswap limit"],
  [
    { Memory: 32 * MIB },
    { Memory: 128 * MIB },
    "Memory limit should be smaller than already set memoryswap limit",
  ],
  [
    { AutoRemove: true },
    { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
    "Restart policy cannot be updated because AutoRemove is enabled for the container",
  ],
])("a container of %j refuses %j", async ([host, patch, why], { signal }) => {
  await using ground = await openOnFakes({ programs: { sleeper } });
  const id = await run(ground, host, signal);
  const before = ground.room.get(id).host;
  await expect(ground.room.update(id, patch)).rejects.toMatchObject({
    kind: "conflict",
    message: expect.stringMatching(new RegExp(`^Cannot update container ${id}: .*${why}`)),
  });
  expect(ground.room.get(id).host).toEqual(before);
  expect(ground.machine.updates).toEqual([]);
});

test("a wrong value is told as such, whatever it conflicts with", async ({ signal }) => {
  await using ground = await openOnFakes({ programs: { sleeper } });
  const id = await run(ground, {}, signal);
  await expect(ground.room.update(id, { Memory: 5 })).rejects.toMatchObject({
    kind: "invalid",
    message: "Minimum memory limit allowed is 6MB",
  });
});

test("what was said at create is not said again", async ({ signal }) => {
  await using ground = await openOnFakes({ programs: { sleeper } });
  const request = plainRequest(["sleeper"], { SecurityOpt: ["label=type:x"] });
  const settings = { ...request.settings, Healthcheck: { Test: ["FOO"] } };
  const { id, warnings } = await ground.room.create({ ...request, settings }, signal);
  expect(warnings).toHaveLength(2);
  expect(await ground.room.update(id, { CpuShares: 9 })).toEqual([]);
});

test("limits that are taken away are said as unlimited, once", async ({ signal }) => {
  await using ground = await openOnFakes({ programs: { sleeper } });
  const id = await run(ground, { PidsLimit: 9, CpuQuota: 20_000, CpuPeriod: 50_000 }, signal);
  await ground.room.update(id, { PidsLimit: 0, CpuQuota: -1 });
  await ground.room.update(id, { CpuShares: 99 });
  expect(ground.machine.updates.map(({ resources }) => resources)).toEqual([
    { cpu: { quota: 1e12, period: 50_000 }, pids: { limit: 4_194_304 } },
    { cpu: { shares: 99, period: 50_000 } },
  ]);
  expect(ground.room.get(id).host).toMatchObject({ PidsLimit: 0, CpuQuota: -1 });
});
