import { statSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { openLogs } from "#logs";
import { eachLine } from "#testing/logs";
import { LOG_DATA_FILE } from "#spec";
import { RuntimeGround } from "./host-fixture.ts";

test("a monitor killed while it drops old output loses nothing of the rest", async ({ signal }) => {
  await using ground = new RuntimeGround();
  await using runtime = await ground.open(signal);
  const logLimit = { capacityBytes: 300_000, stepBytes: 100_000 };
  const spec = {
    ...ground.spec(["sh", "-c", "seq 100000 250000; sleep 0.2; seq 250001 400000; exit 7"]),
    logLimit,
  };
  const task = await runtime.start(spec, signal);
  for (const pauseMs of [5, 40, 90, 130]) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    const pid = ground.monitorPid();
    if (pid !== undefined) process.kill(pid, "SIGKILL");
  }
  await expect(task.exited).resolves.toMatchObject({ code: 7 });
  const lines: number[] = [];
  const query = { hasStdout: true, hasStderr: true, isFollowing: false };
  for await (const { bytes } of eachLine(
    openLogs({ log: silentLogger }).read(spec.logDirectory, query, task.exited, signal),
  ))
    lines.push(Number(Buffer.from(bytes).toString()));
  expect(lines.at(-1)).toBe(400_000);
  expect(lines.length * 7).toBeLessThanOrEqual(logLimit.capacityBytes);
  expect(lines.length * 7).toBeGreaterThan(0.8 * (logLimit.capacityBytes - logLimit.stepBytes));
  expect(lines.every((line, index) => line === 400_000 - lines.length + 1 + index)).toBe(true);
  const blocks = statSync(path.join(spec.logDirectory, LOG_DATA_FILE)).blocks;
  expect(blocks * 512).toBeLessThan(logLimit.capacityBytes + 1_100_000);
  await runtime.release(spec.id);
});
