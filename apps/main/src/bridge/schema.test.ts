import { expect, test } from "vitest";
import { document, flag, listOf, mapOf, oneOf, orNull, record, text, whole } from "./schema.ts";

const person = record({
  name: text(5, 1),
  isOpen: flag,
  size: whole(1, 9),
  kind: oneOf("a", "b"),
  tags: listOf(text(2), 2),
});
const good = { name: "x", isOpen: true, size: 3, kind: "a", tags: ["t"] };

test("record() gives back what fits", () => {
  expect(person(good, "it")).toEqual(good);
});

test.each([
  [{ ...good, more: 1 }, "it.more is not known"],
  [{ ...good, name: "" }, "it.name must not be empty"],
  [{ ...good, name: "long name" }, "it.name is longer than 5 characters"],
  [{ ...good, name: "a\0" }, "it.name holds a zero byte"],
  [{ ...good, isOpen: "yes" }, "it.isOpen must be true or false"],
  [{ ...good, size: 1.5 }, "it.size must be a whole number from 1 to 9"],
  [{ ...good, kind: "c" }, "it.kind must be one of a, b"],
  [{ ...good, tags: ["a", "b", "c"] }, "it.tags must be a list of at most 2"],
  [[], "it must be an object"],
  [null, "it must be an object"],
])("record() refuses %j", (value, message) => {
  expect(() => person(value, "it")).toThrow(message);
});

test("orNull() lets null through and nothing else that does not fit", () => {
  const parse = orNull(listOf(text(2), 2));
  expect(parse(null, "it")).toBeNull();
  expect(parse(["a"], "it")).toEqual(["a"]);
  expect(() => parse(undefined, "it")).toThrow("it must be a list of at most 2");
});

test("mapOf() takes any names, each checked, as names and not as what they might do", () => {
  const parse = mapOf(text(9, 1), text(3, 1), 2);
  expect(parse({ a: "b" }, "it")).toEqual({ a: "b" });
  const hostile: unknown = JSON.parse('{"__proto__":"x"}');
  const parsed = parse(hostile, "it");
  expect(Object.entries(parsed)).toEqual([["__proto__", "x"]]);
  expect(Object.getPrototypeOf(parsed)).toBe(Object.prototype);
  for (const [value, message] of [
    [{ a: "long" }, "it.a is longer than 3 characters"],
    [{ a: 1 }, "it.a must be text"],
    [{ "": "x" }, "a name of it must not be empty"],
    [{ a: "x", b: "x", c: "x" }, "it must be an object with at most 2 names"],
    [["x"], "it must be an object with at most 2 names"],
    [null, "it must be an object with at most 2 names"],
  ] as const)
    expect(() => parse(value, "it")).toThrow(message);
});

test("document() takes any JSON under known names and drops what is no JSON", () => {
  const parse = document<{ a?: unknown }>(new Set(["a"]), 100);
  expect(parse({ a: { b: [1, undefined] } }, "it")).toEqual({ a: { b: [1, null] } });
  expect(() => parse({ b: 1 }, "it")).toThrow("it.b is not known");
  expect(() => parse({ a: "x".repeat(200) }, "it")).toThrow("larger than 100 bytes");
});
