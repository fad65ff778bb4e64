import fc from "fast-check";
import { expect, test } from "vitest";
import { isKind, parseDuration } from "#kernel";
import { fuzzed } from "@longshore/testkit";
import { parsePlatform } from "../wire/platform.ts";
import { flag, labelsMatch, parseFilters, timeNano, untilOf, wholeNumber } from "./query.ts";

const query = (name: string, value: string): URLSearchParams => new URLSearchParams([[name, value]]);
const key = fc.constantFrom("label", "name", "until");

function onlyInvalid<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    expect(isKind(error, "invalid"), String(error)).toBe(true);
    return undefined;
  }
}

test("parseFilters() reads the map and the list form alike", () => {
  fc.assert(
    fc.property(fc.dictionary(key, fc.uniqueArray(fc.string(), { maxLength: 4 })), (wanted) => {
      const lists = parseFilters(query("filters", JSON.stringify(wanted)), ["label", "name", "until"]);
      // As text: an object literal would lose the key __proto__.
      const maps = Object.entries(wanted)
        .map(
          ([name, values]) =>
            `${JSON.stringify(name)}:{${values.map((value) => `${JSON.stringify(value)}:true`).join(",")}}`,
        )
        .join(",");
      const read = parseFilters(query("filters", `{${maps}}`), ["label", "name", "until"]);
      const sorted = (filters: typeof read): unknown =>
        Object.fromEntries([...filters].map(([name, values]) => [name, values.toSorted()]));
      expect(sorted(read)).toEqual(sorted(lists));
      // A key without a value asks for nothing.
      const asked = Object.entries(wanted).filter(([, values]) => values.length > 0);
      expect(Object.fromEntries(lists)).toEqual(Object.fromEntries(asked));
    }),
    fuzzed(1000),
  );
});

test("parseFilters() throws nothing but invalid, whatever comes", () => {
  const hostile = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .dictionary(key, fc.oneof(fc.jsonValue(), fc.dictionary(fc.string(), fc.jsonValue())))
      .map((value) => JSON.stringify(value)),
  );
  fc.assert(
    fc.property(hostile, (text) => {
      const filters = onlyInvalid(() => parseFilters(query("filters", text), ["label", "name", "until"]));
      if (filters === undefined) return;
      for (const values of filters.values())
        expect(values.every((value) => typeof value === "string")).toBe(true);
      labelsMatch(filters, { a: "b" });
      onlyInvalid(() => untilOf(filters, new Date(0)));
    }),
    fuzzed(3000),
  );
});

test("a label filter fits exactly its own labels", () => {
  const text = fc.stringMatching(/^[a-z]{1,3}$/);
  fc.assert(
    fc.property(fc.dictionary(text, text), text, text, (labels, name, value) => {
      const own = { ...labels, [name]: value };
      const filters = (entry: string): ReturnType<typeof parseFilters> => new Map([["label", [entry]]]);
      expect(labelsMatch(filters(name), own)).toBe(true);
      expect(labelsMatch(filters(`${name}=${value}`), own)).toBe(true);
      expect(labelsMatch(filters(`${name}=${value}x`), own)).toBe(false);
    }),
    fuzzed(500),
  );
});

test("parseDuration() reads what Go prints, and nothing but durations", () => {
  const parts = fc.tuple(
    fc.nat({ max: 100 }),
    fc.nat({ max: 59 }),
    fc.nat({ max: 59 }),
    fc.nat({ max: 999 }),
  );
  fc.assert(
    fc.property(parts, fc.boolean(), ([hours, minutes, seconds, ms], isNegative) => {
      const text = `${isNegative ? "-" : ""}${hours}h${minutes}m${seconds}.${String(ms).padStart(3, "0")}s`;
      const value = ((hours * 60 + minutes) * 60 + seconds) * 1000 + ms;
      expect(parseDuration(text)).toBeCloseTo(isNegative ? -value : value, 3);
    }),
    fuzzed(1000),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      const value = parseDuration(text);
      if (value !== undefined) expect(text).toMatch(/^[-+]?(0|([\d.]+(h|m|s|ms|us|\u00b5s|ns))+)$/);
    }),
    fuzzed(3000),
  );
  for (const bad of ["", "h", "1", "1d", "1h1", " 1h", "--1h", "1..5s", "0x1s"])
    expect(parseDuration(bad)).toBe(undefined);
});

test("timeNano() keeps all nine decimals", () => {
  fc.assert(
    fc.property(fc.nat({ max: 4_000_000_000 }), fc.nat({ max: 999_999_999 }), (seconds, nanos) => {
      const text = `${seconds}.${String(nanos).padStart(9, "0")}`;
      expect(timeNano(query("since", text), "since")).toBe(BigInt(seconds) * 1_000_000_000n + BigInt(nanos));
    }),
    fuzzed(1000),
  );
});

test("timeNano() reads dates by their parts, and what only looks like one not at all", () => {
  const read = (text: string): bigint | undefined => timeNano(query("since", text), "since");
  const nano = (ms: number, more = 0n): bigint => BigInt(ms) * 1_000_000n + more;
  expect(read("2026-11-24T20:00:00.123456789Z")).toBe(nano(Date.UTC(2026, 10, 24, 20), 123_456_789n));
  expect(read("2026-11-24T20:00:00+02:00")).toBe(nano(Date.UTC(2026, 10, 24, 18)));
  expect(read("2026-11-24")).toBe(nano(new Date(2026, 10, 24).getTime()));
  expect(read("2026-11-24T20:00")).toBe(nano(new Date(2026, 10, 24, 20).getTime()));
  expect(read("-1.5")).toBe(-1_500_000_000n);
  for (const text of ["banana 3", "5 apples", "2026-13-01", "1e3", "2026-11-24 20:00", "Nov 24 2026"])
    expect(() => read(text)).toThrow(`invalid value "${text}" for since`);
});

test("an until is one, and no word with a number in it", () => {
  const until = (...values: readonly string[]): number => untilOf(new Map([["until", values]]), new Date(0));
  expect([until("1h"), until("1.5"), until()]).toEqual([-3_600_000, 1500, Number.POSITIVE_INFINITY]);
  const later = (text: string): number => untilOf(new Map([["until", [text]]]), new Date(5000));
  expect([later("0s"), later("0h0m"), later("0")]).toEqual([5000, 5000, 0]);
  expect(() => until("banana 3")).toThrow('failed to parse value as time or duration: "banana 3"');
  expect(() => until("1", "2")).toThrow("more than one until filter specified");
});

test("numbers, booleans, times and platforms throw nothing but invalid", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.double().map(String), fc.bigInt().map(String), fc.json()),
      (text) => {
        flag(query("x", text), "x");
        const whole = onlyInvalid(() => wholeNumber(query("x", text), "x"));
        if (whole !== undefined) expect(Number.isSafeInteger(whole)).toBe(true);
        onlyInvalid(() => timeNano(query("x", text), "x"));
        onlyInvalid(() => parsePlatform(text));
      },
    ),
    fuzzed(3000),
  );
});
