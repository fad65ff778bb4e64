import { describe, expect, test } from "vitest";
import type { FakeProgram } from "#testing/runtime";
import { nextHealth } from "./health.ts";
import { probeOf } from "./health-probe.ts";
import { type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

const SECOND = 1_000_000_000;

/** A container whose probe answers what `code` holds. */
async function probed(
  code: { value: number | "hang" },
  check: object,
  signal: AbortSignal,
): Promise<FakeGround & { readonly id: string }> {
  const probe: FakeProgram = async (process) => {
    await process.write("stdout", "checking");
    return code.value === "hang" ? new Promise(() => {}) : code.value;
  };
  const ground = await openOnFakes({
    programs: { sleeper: () => new Promise(() => {}), "/bin/sh -c check": probe },
  });
  const request = plainRequest(["sleeper"], {}, { Healthcheck: { Test: ["CMD-SHELL", "check"], ...check } });
  const { id } = await ground.room.create(request, signal);
  await ground.room.start(id, signal);
  return Object.assign(ground, { id });
}

const healthOf = (ground: FakeGround & { id: string }): unknown => {
  const { health } = ground.room.get(ground.id).state;
  return [health?.status, health?.failingStreak, health?.log.length];
};

const reaches = (ground: FakeGround & { id: string }, wanted: readonly unknown[]): Promise<void> =>
  expect.poll(() => healthOf(ground), { interval: 1, timeout: 4000 }).toEqual(wanted);

/** Waits for the watch to sleep just so long, then lets the time pass. */
async function pass(ground: FakeGround, ms: number): Promise<void> {
  await expect.poll(() => ground.clock.waits, { interval: 1, timeout: 4000 }).toEqual([ms]);
  ground.clock.advance(ms);
}

describe("health", () => {
  test("starts as starting, is healthy by one success, unhealthy by three failures in a row", async ({
    signal,
  }) => {
    const code = { value: 0 };
    await using ground = await probed(code, { Interval: 2 * SECOND }, signal);
    expect(healthOf(ground)).toEqual(["starting", 0, 0]);
    await pass(ground, 2000);
    await reaches(ground, ["healthy", 0, 1]);
    code.value = 1;
    for (const round of [1, 2]) {
      await pass(ground, 2000);
      await reaches(ground, ["healthy", round, round + 1]);
    }
    for (const round of [3, 4, 5]) {
      await pass(ground, 2000);
      await reaches(ground, ["unhealthy", round, Math.min(round + 1, 5)]);
    }
    code.value = 0;
    await pass(ground, 2000);
    await reaches(ground, ["healthy", 0, 5]);
    expect(ground.events.actions(ground.id).filter((action) => action.startsWith("health_status"))).toEqual([
      "health_status: healthy",
      "health_status: unhealthy",
      "health_status: healthy",
    ]);
    const last = ground.room.get(ground.id).state.health?.log.at(-1);
    expect(last).toMatchObject({ exitCode: 0, output: "checking" });
  });

  test("in the start period the start interval counts, and failures don't", async ({ signal }) => {
    const code = { value: 1 };
    const check = { Interval: 60 * SECOND, StartPeriod: 10 * SECOND, StartInterval: 4 * SECOND, Retries: 1 };
    await using ground = await probed(code, check, signal);
    await pass(ground, 4000);
    await reaches(ground, ["starting", 0, 1]);
    await pass(ground, 4000);
    await reaches(ground, ["starting", 0, 2]);
    await pass(ground, 4000);
    await reaches(ground, ["unhealthy", 1, 3]);
    code.value = 0;
    await pass(ground, 60_000);
    await reaches(ground, ["healthy", 0, 4]);
  });

  test("a probe that takes too long is killed and counts as failed", async ({ signal }) => {
    await using ground = await probed(
      { value: "hang" },
      { Interval: SECOND, Timeout: 3 * SECOND, Retries: 1 },
      signal,
    );
    await pass(ground, 1000);
    await pass(ground, 3000);
    await reaches(ground, ["unhealthy", 1, 1]);
    expect(ground.room.get(ground.id).state.health?.log[0]).toMatchObject({
      exitCode: -1,
      output: "Health check exceeded timeout (3s): checking",
    });
    expect(ground.events.actions(ground.id)).toContain("exec_die");
  });

  test("a probe that cannot be run is a failure with its reason", async ({ signal }) => {
    await using ground = await openOnFakes({ programs: { sleeper: () => new Promise(() => {}) } });
    const request = plainRequest(
      ["sleeper"],
      {},
      { Healthcheck: { Test: ["CMD", "nosuch"], Interval: SECOND } },
    );
    const { id } = await ground.room.create(request, signal);
    await ground.room.start(id, signal);
    await pass(ground, 1000);
    await expect
      .poll(() => ground.room.get(id).state.health?.log[0]?.output, { interval: 1, timeout: 4000 })
      .toContain("executable file not found");
    expect(ground.room.get(id).state.health?.log[0]?.exitCode).toBe(-1);
  });

  test("pause and exit end the watch; unpause, restart and the next engine take it up", async ({
    signal,
  }) => {
    const code = { value: 0 };
    await using ground = await probed(code, { Interval: 2 * SECOND }, signal);
    const { room, id } = ground;
    await pass(ground, 2000);
    await reaches(ground, ["healthy", 0, 1]);
    await room.pause(id);
    await expect.poll(() => ground.clock.waits, { interval: 1, timeout: 4000 }).toEqual([]);
    await room.unpause(id);
    await pass(ground, 2000);
    await reaches(ground, ["healthy", 0, 2]);
    await ground.restart();
    expect(healthOf(ground)).toEqual(["healthy", 0, 2]);
    await pass(ground, 2000);
    await reaches(ground, ["healthy", 0, 3]);
    ground.machine.end(id, 0);
    await expect.poll(() => ground.clock.waits, { interval: 1, timeout: 4000 }).toEqual([]);
    await ground.room.start(id, signal);
    expect(healthOf(ground)).toEqual(["starting", 0, 3]);
    await pass(ground, 2000);
  });
});

test("probeOf() knows every form of a check", () => {
  const words = (Test: readonly string[], Shell?: readonly string[]): readonly string[] | undefined =>
    probeOf({ Healthcheck: { Test }, ...(Shell !== undefined && { Shell }) })?.command;
  expect(words(["CMD", "a", "b"])).toEqual(["a", "b"]);
  expect(words(["CMD-SHELL", "a b"])).toEqual(["/bin/sh", "-c", "a b"]);
  expect(words(["CMD-SHELL", "a b"], ["/bin/bash", "-ec"])).toEqual(["/bin/bash", "-ec", "a b"]);
  for (const none of [["NONE"], [], ["CMD"], ["a", "b"]]) expect(words(none)).toBe(undefined);
  expect(probeOf({ Healthcheck: { Test: ["CMD", "a"] } })).toMatchObject({
    intervalMs: 30_000,
    timeoutMs: 30_000,
    startPeriodMs: 0,
    startIntervalMs: 5000,
    retries: 3,
  });
});

test("nextHealth() keeps the last five results", () => {
  const probe = probeOf({ Healthcheck: { Test: ["CMD", "a"], Retries: 2 } });
  if (probe === undefined) throw new Error("a probe was wanted");
  const result = (output: string) => ({ start: "", end: "", exitCode: 1, output });
  const first = { status: "starting", failingStreak: 0, log: [] } as const;
  const health = ["1", "2", "3", "4", "5", "6"].reduce<Parameters<typeof nextHealth>[0]>(
    (before, output) => nextHealth(before, probe, result(output), 1e9),
    first,
  );
  expect(health.log.map((entry) => entry.output)).toEqual(["2", "3", "4", "5", "6"]);
  expect(health).toMatchObject({ status: "unhealthy", failingStreak: 6 });
});
