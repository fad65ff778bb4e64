import type { StatsSample } from "@longshore/protocol";
import { expect, test } from "vitest";
import { showSamples } from "./meter-history.ts";
import type { Meter } from "./store.ts";

const sample = (id: string, cpuPercent: number): StatsSample => ({
  id,
  cpuPercent,
  memoryBytes: 1024,
  memoryLimitBytes: 4096,
  receivedBytes: 0,
  sentBytes: 0,
  processes: 1,
});

test("showSamples() says nothing new of a container that does nothing, and all of one that does", () => {
  const histories = new Map<string, number[]>();
  let meters: ReadonlyMap<string, Meter> = new Map();
  const show = (...values: readonly StatsSample[]): void => {
    meters = showSamples(meters, histories, values);
  };
  show(sample("idle", 0), sample("busy", 1));
  const [idle, busy] = [meters.get("idle"), meters.get("busy")];
  show(sample("idle", 0), sample("busy", 2));
  expect(meters.get("idle")).toBe(idle);
  expect(meters.get("busy")).not.toBe(busy);
  expect(meters.get("busy")?.cpuHistory).toEqual([1, 2]);

  const before = meters;
  show(sample("idle", 0));
  expect(meters).toBe(before);
  show(sample("idle", 7));
  expect(meters.get("idle")?.cpuHistory).toEqual([0, 0, 0, 7]);
});

test("showSamples() shows memory that changes while the CPU rests", () => {
  const histories = new Map<string, number[]>();
  const first = showSamples(new Map(), histories, [sample("a", 0)]);
  const next = showSamples(first, histories, [{ ...sample("a", 0), memoryBytes: 2048 }]);
  expect(next.get("a")?.sample.memoryBytes).toBe(2048);
});

test("showSamples() keeps sixty values", () => {
  const histories = new Map<string, number[]>();
  let meters: ReadonlyMap<string, Meter> = new Map();
  for (let at = 0; at < 70; at++) meters = showSamples(meters, histories, [sample("a", at)]);
  expect(meters.get("a")?.cpuHistory).toHaveLength(60);
  expect(meters.get("a")?.cpuHistory[0]).toBe(10);
});
