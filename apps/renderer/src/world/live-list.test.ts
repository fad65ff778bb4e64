import type { ContainerSummary } from "@longshore/protocol";
import { expect, test } from "vitest";
import { patchContainers, relistContainers } from "./live-list.ts";
import type { ListedContainer } from "./store.ts";
import { containerSummary as summary } from "./testing.ts";

const listed = (...rows: readonly ContainerSummary[]): readonly ListedContainer[] =>
  rows.map((row) => ({ ...row, readAt: 1_000 }));

test("relistContainers() keeps what is as it was, and takes what changed, came and went", () => {
  const old = listed(summary("a"), summary("b"), summary("c"));
  const [a, , c] = old;
  expect(relistContainers(old, [summary("a"), summary("b"), summary("c")], 2_000)).toBe(old);
  const next = relistContainers(old, [summary("d"), summary("a"), summary("b", { State: "exited" })], 2_000);
  expect(next.map((row) => [row.Id, row.State, row.readAt])).toEqual([
    ["d", "running", 2_000],
    ["a", "running", 1_000],
    ["b", "exited", 2_000],
  ]);
  expect(next[1]).toBe(a);
  expect(next).not.toContain(c);
});

test("patchContainers() changes only what was asked for", () => {
  const old = listed(summary("a"), summary("b"), summary("c"));
  const next = patchContainers(old, ["b"], [summary("b", { State: "paused" })], 2_000);
  expect(next.map((row) => row.State)).toEqual(["running", "paused", "running"]);
  expect([next[0], next[2]]).toEqual([old[0], old[2]]);
  expect(next[0]).toBe(old[0]);
  expect(patchContainers(old, ["a", "b"], [summary("a"), summary("b")], 2_000)).toBe(old);
});

test("patchContainers() takes away what is gone and puts a new one where the engine lists it", () => {
  const old = listed(summary("b", { Created: 20 }), summary("a", { Created: 10 }));
  expect(patchContainers(old, ["a"], [], 2_000).map((row) => row.Id)).toEqual(["b"]);
  const ids = (created: number): readonly string[] =>
    patchContainers(old, ["n"], [summary("n", { Created: created })], 2_000).map((row) => row.Id);
  expect(ids(30)).toEqual(["n", "b", "a"]);
  expect(ids(15)).toEqual(["b", "n", "a"]);
  expect(ids(5)).toEqual(["b", "a", "n"]);
});

test("patchContainers() leaves alone whose id only begins like the one that was asked for", () => {
  const old = listed(summary("abc"));
  expect(patchContainers(old, ["ab"], [summary("abc", { State: "exited" })], 2_000)).toBe(old);
});

test("patchContainers() keeps the engine's order of new containers of the same second", () => {
  const made = [summary("b", { Created: 20 }), summary("a", { Created: 20 })];
  const rows = patchContainers(listed(summary("old", { Created: 10 })), ["a", "b"], made, 2_000);
  expect(rows.map((row) => row.Id)).toEqual(["b", "a", "old"]);
});
