import { expect, test } from "vitest";
import { type Holder, Ledger } from "../reclaim/ledger.ts";
import { isLow, overAge, overQuota, usedBytes } from "./due.ts";
import type { Entry } from "./entries.ts";

const entry = (id: string, day: number): Entry => ({
  kind: "image",
  id,
  name: id,
  removedAt: `2026-01-0${day}T00:00:00.000Z`,
});
const entries = [entry("one", 1), entry("two", 2), entry("three", 3)];
const holder = (id: string, ...units: readonly string[]): Holder => ({
  ref: { kind: "trash", id, name: id },
  units,
  requires: [],
});
/** The first two share 100, each has 10 of its own; the third shares 50 with what is no trash. */
const ledger = new Ledger(
  Object.entries({ shared: 100, one: 10, two: 10, three: 10, live: 50 }).map(([key, diskBytes]) => ({
    key,
    diskBytes,
  })),
  [
    holder("one", "shared", "one"),
    holder("two", "shared", "two"),
    holder("three", "three", "live"),
    { ref: { kind: "image", id: "live", name: "live" }, units: ["live"], requires: [] },
  ],
);

test("usedBytes() counts what only the trash holds, once", () => {
  expect(usedBytes(ledger, entries)).toBe(130);
});

test.for([
  [130, []],
  [129, ["one"]],
  [120, ["one"]],
  [119, ["one", "two"]],
  [0, ["one", "two"]],
] as const)("overQuota() of %d takes %j, the set at once and never the newest", ([quota, going]) => {
  expect(overQuota(ledger, entries, quota).map(({ id }) => id)).toEqual(going);
});

test("overQuota() leaves what frees nothing: a name of an image that is there, layers that others keep", () => {
  const names = [entry("name", 1), entry("kept", 2), entry("big", 3), entry("newest", 4)];
  const kept = new Ledger(
    Object.entries({ live: 50, big: 40, newest: 500 }).map(([key, diskBytes]) => ({ key, diskBytes })),
    [
      holder("name"),
      holder("kept", "live"),
      holder("big", "big"),
      holder("newest", "newest"),
      { ref: { kind: "image", id: "live", name: "live" }, units: ["live"], requires: [] },
    ],
  );
  expect(overQuota(kept, names, 510).map(({ id }) => id)).toEqual(["big"]);
  expect(overQuota(kept, names, 10).map(({ id }) => id)).toEqual(["big"]);
});

test("overAge() takes what has lain there for as long as it may", () => {
  const day = 24 * 3_600_000;
  expect(overAge(entries, day, new Date("2026-01-02T23:59:59.999Z")).map(({ id }) => id)).toEqual(["one"]);
  expect(overAge(entries, day, new Date("2026-01-03T00:00:00.000Z")).map(({ id }) => id)).toEqual([
    "one",
    "two",
  ]);
});

test("isLow() is a share of a small disk and a size of a large one", () => {
  const [mib, gib] = [1024 ** 2, 1024 ** 3];
  expect(isLow({ totalBytes: 100 * mib, freeBytes: 6 * mib })).toBe(false);
  expect(isLow({ totalBytes: 100 * mib, freeBytes: 4 * mib })).toBe(true);
  expect(isLow({ totalBytes: 1000 * gib, freeBytes: 6 * gib })).toBe(false);
  expect(isLow({ totalBytes: 1000 * gib, freeBytes: 4 * gib })).toBe(true);
});
