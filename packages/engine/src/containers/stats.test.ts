import { expect, test } from "vitest";
import { sleeper } from "#testing/runtime";
import { openOnFakes, plainRequest } from "./testing.ts";

test("sample() gives what the container's own cgroup says, and nothing once it has ended", async ({
  signal,
}) => {
  await using ground = await openOnFakes({ programs: { sleeper } });
  const { id } = await ground.room.create(plainRequest(["sleeper"]), signal);
  await ground.room.start(id, signal);
  const cgroup = ground.machine.starts[0]?.document.linux.cgroupsPath ?? "";
  ground.machine.cgroups.use(cgroup, {
    memoryBytes: 4096,
    cpu: { usageNano: 30, userNano: 20, systemNano: 10, periods: 3, throttledPeriods: 2, throttledNano: 1 },
    blockIo: [{ major: 8, minor: 16, operation: "write", bytes: 512, count: 1 }],
  });
  expect(await ground.room.sample(id)).toMatchObject({
    pids_stats: { current: 1 },
    cpu_stats: {
      cpu_usage: { total_usage: 30, usage_in_usermode: 20, usage_in_kernelmode: 10 },
      online_cpus: 8,
      throttling_data: { periods: 3, throttled_periods: 2, throttled_time: 1 },
    },
    memory_stats: { usage: 4096 },
    blkio_stats: {
      io_service_bytes_recursive: [{ major: 8, minor: 16, op: "write", value: 512 }],
      io_serviced_recursive: [{ major: 8, minor: 16, op: "write", value: 1 }],
    },
  });
  ground.machine.end(id, 0);
  await expect.poll(() => ground.room.get(id).state.status, { interval: 1 }).toBe("exited");
  expect(await ground.room.sample(id)).toBeUndefined();
});
