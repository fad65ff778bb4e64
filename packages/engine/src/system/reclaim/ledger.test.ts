import { expect, test } from "vitest";
import type { DiskRef } from "../contract.ts";
import { type Holder, keyOf, Ledger } from "./ledger.ts";

const ref = (text: string): DiskRef => {
  const [kind = "", id = ""] = text.split(" ");
  return { kind: kind as DiskRef["kind"], id, name: id };
};
const holder = (text: string, units: readonly string[], more: Partial<Holder> = {}): Holder => ({
  ref: ref(text),
  units,
  requires: [],
  ...more,
});
const set = (...keys: readonly string[]): ReadonlySet<string> => new Set(keys);

/** Two images on one base, a container of the first with a volume. */
function harbour(more: Partial<Holder> = {}): Ledger {
  const units = Object.entries({ base: 100, one: 10, two: 20, box: 5, data: 50 });
  return new Ledger(
    units.map(([key, diskBytes]) => ({ key, diskBytes })),
    [
      holder("image one", ["base", "one"]),
      holder("image two", ["base", "two"]),
      holder("container box", ["box", "one", "base"], { requires: ["image one", "volume data"], ...more }),
      holder("volume data", ["data"]),
    ],
  );
}

test("gain() of a set is what its last holders give back, not the sum of its members", () => {
  const ledger = harbour();
  expect(ledger.gain(set("image one"))).toBe(0);
  expect(ledger.gain(set("container box"))).toBe(5);
  expect(ledger.gain(set("container box", "image one"))).toBe(15);
  expect(ledger.gain(set("image two"))).toBe(20);
  expect(ledger.gain(set("container box", "image one", "image two"))).toBe(135);
  expect(ledger.gain(set("volume data", "volume unknown"))).toBe(50);
});

test("shares() tells what goes alone and who keeps the rest", () => {
  const ledger = harbour();
  expect(ledger.shares("image two")).toEqual({
    exclusiveBytes: 20,
    sharedBytes: 100,
    sharedWith: [ref("image one"), ref("container box")],
  });
  expect(ledger.shares("volume data")).toEqual({ exclusiveBytes: 50, sharedBytes: 0, sharedWith: [] });
});

test("blocked() names who is in the way, until it goes too", () => {
  const ledger = harbour();
  const names = (...keys: readonly string[]): readonly string[] =>
    ledger.blocked(set(...keys)).map(({ ref: one, by }) => `${keyOf(one)} < ${by.map(keyOf).join()}`);
  expect(names("image one", "image two", "volume data")).toEqual([
    "image one < container box",
    "volume data < container box",
  ]);
  expect(names("image one", "volume data", "container box")).toEqual([]);
});

test("blocked() blocks what a refused member requires", () => {
  const ledger = harbour({ refusal: "it runs" });
  expect(ledger.blocked(set("image one", "container box"))).toEqual([
    { ref: ref("container box"), why: "it runs", by: [] },
    { ref: ref("image one"), why: "it is in use", by: [ref("container box")] },
  ]);
});
