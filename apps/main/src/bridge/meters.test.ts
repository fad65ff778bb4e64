import { DockerError } from "@longshore/client";
import type { ContainerStats, StatsSample } from "@longshore/protocol";
import { expect, test } from "vitest";
import { Meters, type ReadCounters } from "./meters.ts";
import type { Outlet } from "./port-stream.ts";

const counters = (usage: number): ContainerStats => ({
  read: "2026-11-24T12:00:00Z",
  cpu_stats: { cpu_usage: { total_usage: usage }, system_cpu_usage: usage * 10, online_cpus: 2 },
  precpu_stats: { cpu_usage: { total_usage: 0 } },
  memory_stats: { usage: 100, limit: 1000 },
});

/** Follows until `rounds` have come, and gives what came. */
async function follow(
  meters: Meters,
  ids: readonly string[],
  rounds: number,
): Promise<readonly (readonly StatsSample[])[]> {
  const stop = new AbortController();
  const sent: (readonly StatsSample[])[] = [];
  const out: Outlet<readonly StatsSample[]> = {
    signal: stop.signal,
    send: (samples) => {
      sent.push(samples);
      if (sent.length === rounds) stop.abort(new Error("enough"));
      return Promise.resolve();
    },
    listen: () => {},
  };
  await expect(meters.follow(ids, out)).rejects.toThrow();
  return sent;
}

const pace = { everyMs: 1, firstMs: 1 };

test("Meters compares each reading with the one before", async () => {
  let usage = 0;
  const read: ReadCounters = () => Promise.resolve(counters((usage += 10)));
  const [first] = await follow(new Meters(read, pace), ["a"], 1);
  // A tenth of what two cores had.
  expect(first).toMatchObject([{ id: "a", cpuPercent: 20, memoryBytes: 100 }]);
  expect(usage).toBe(20);
});

test("Meters goes on from what it knows when others come into view, and forgets who left", async () => {
  const asked: string[] = [];
  const read: ReadCounters = (id) => Promise.resolve(counters(asked.push(id)));
  const meters = new Meters(read, pace);
  await follow(meters, ["a", "b"], 1);
  asked.length = 0;
  const [next] = await follow(meters, ["b", "c"], 1);
  expect(next?.map(({ id }) => id)).toEqual(["b"]);
  expect(asked).toEqual(["b", "c"]);
  const [later] = await follow(meters, ["a", "b"], 1);
  expect(later?.map(({ id }) => id)).toEqual(["b"]);
});

test("Meters leaves out who went away or doesn't run, and goes on with the others", async () => {
  let usage = 0;
  const read: ReadCounters = (id) => {
    if (id === "gone") return Promise.reject(new DockerError(404, "No such container: gone", null));
    return Promise.resolve(id === "still" ? { read: "0001-01-01T00:00:00Z" } : counters((usage += 1)));
  };
  const rounds = await follow(new Meters(read, pace), ["gone", "still", "a"], 2);
  expect(rounds.map((samples) => samples.map(({ id }) => id))).toEqual([["a"], ["a"]]);
});

test("Meters asks of a thousand only a few at once, and each once a round", async () => {
  let open = 0;
  let most = 0;
  const asked = new Map<string, number>();
  const read: ReadCounters = async (id) => {
    asked.set(id, (asked.get(id) ?? 0) + 1);
    most = Math.max(most, ++open);
    await new Promise((done) => setImmediate(done));
    open -= 1;
    return counters(asked.get(id) ?? 0);
  };
  const ids = Array.from({ length: 1000 }, (_, at) => `c${at}`);
  const [round] = await follow(new Meters(read, pace), ids, 1);
  expect(round).toHaveLength(1000);
  expect(new Set(asked.values())).toEqual(new Set([2]));
  expect(most).toBe(8);
});
