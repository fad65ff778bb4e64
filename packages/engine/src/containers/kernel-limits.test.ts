import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { fakeFacts, openOnFakes, plainRequest } from "#testing/containers";
import { type KernelLimit, readKernelLimits } from "./kernel-limits.ts";

function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-limits-"));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
  return folder;
}

test("cgroup v1: a limit is there when its file is", async () => {
  const folder = folderWith({ "memory/memory.limit_in_bytes": "1", "cpu/cpu.shares": "1024" });
  expect([...(await readKernelLimits(folder, false))].toSorted()).toEqual(["cpu-shares", "memory"]);
  rmSync(folder, { recursive: true });
});

test("cgroup v2: a limit is there when its controller is; swappiness and the OOM killer are not in it", async () => {
  const folder = folderWith({ "cgroup.controllers": "cpu memory pids\n" });
  expect([...(await readKernelLimits(folder, true))].toSorted()).toEqual([
    "cpu-cfs",
    "cpu-shares",
    "memory",
    "memory-reservation",
    "pids",
    "swap",
  ]);
  rmSync(folder, { recursive: true });
});

test("cgroup v2: swap is not limited where a group has no file for it", async () => {
  const files = { "cgroup.controllers": "memory\n", "init.scope/memory.max": "max" };
  const folder = folderWith(files);
  expect(await readKernelLimits(folder, true)).not.toContain("swap");
  rmSync(folder, { recursive: true });
  const whole = folderWith({ ...files, "init.scope/memory.swap.max": "max" });
  expect(await readKernelLimits(whole, true)).toContain("swap");
  rmSync(whole, { recursive: true });
});

const without = (...names: readonly KernelLimit[]): ReadonlySet<KernelLimit> =>
  new Set([...fakeFacts.kernelLimits].filter((name) => !names.includes(name)));

test("what the kernel lacks is left out with Docker's warning, and inspect tells that it is", async ({
  signal,
}) => {
  await using ground = await openOnFakes({
    facts: { kernelLimits: without("blkio-weight", "memory-swappiness", "swap") },
  });
  const request = plainRequest(["serve"], {
    BlkioWeight: 500,
    MemorySwappiness: 10,
    Memory: 64 << 20,
    CpuShares: 512,
  });
  const { id, warnings } = await ground.room.create(request, signal);
  expect(warnings).toEqual([
    "Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.",
    "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
  ]);
  expect(ground.room.get(id).host).toMatchObject({
    BlkioWeight: 0,
    MemorySwappiness: null,
    Memory: 64 << 20,
    MemorySwap: -1,
    CpuShares: 512,
  });
});

test("processor time and real-time scheduling are refused where the kernel lacks them", async ({
  signal,
}) => {
  await using ground = await openOnFakes({ facts: { kernelLimits: without("cpu-cfs", "cpu-realtime") } });
  await expect(ground.room.create(plainRequest(["serve"], { NanoCpus: 1e9 }), signal)).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining("NanoCPUs can not be set"),
  });
  await expect(
    ground.room.create(plainRequest(["serve"], { CpuRealtimeRuntime: 1000 }), signal),
  ).rejects.toMatchObject({
    kind: "invalid",
    message: "kernel does not support CPU real-time scheduler",
  });
});

test("an update is held against the kernel as well", async ({ signal }) => {
  await using ground = await openOnFakes({ facts: { kernelLimits: without("blkio-weight") } });
  const { id } = await ground.room.create(plainRequest(["serve"], {}), signal);
  expect(await ground.room.update(id, { BlkioWeight: 500, CpuShares: 99 })).toEqual([
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
  ]);
  expect(ground.room.get(id).host).toMatchObject({ BlkioWeight: 0, CpuShares: 99 });
});
