import fc from "fast-check";
import { expect, test } from "vitest";
import { referencePattern } from "./reference-pattern.ts";

test.each([
  ["aa/bb", "aa/bb:1", true],
  ["aa/bb:1", "aa/bb:1", true],
  ["aa/bb:2", "aa/bb:1", false],
  ["aa/*", "aa/bb:1", true],
  ["*", "aa/bb:1", false],
  ["*/*:?", "aa/bb:1", true],
  ["a.", "ab:1", false],
  ["[a-c]a/bb", "aa/bb:1", true],
  ["[^a]a/bb", "aa/bb:1", false],
  ["[!a]a/bb", "aa/bb:1", true],
  ["[b-a]", "a:1", false],
  [String.raw`a\a/b[\b]`, "aa/bb:1", true],
  ["host:5000/*", "host:5000/x:1", true],
  ["aa/bb", "aa/bb@sha256:00", true],
])("referencePattern(%s) on %s: %s", (pattern, name, fits) => {
  expect(referencePattern(pattern)(name)).toBe(fits);
});

test.each(["[", "[]", "[a", "[^]", "a\\", "[-a]", "[a-]", "[a-b-c]", "a["])(
  "referencePattern(%s) is refused",
  (pattern) => {
    expect(() => referencePattern(pattern)).toThrow("syntax error in pattern");
  },
);

test("referencePattern() refuses what it can't read, and never fails otherwise", () => {
  const parts = fc.array(fc.constantFrom("a", "/", "*", "?", "[", "]", "^", "-", "\\", ":", ".", "(", "😀"));
  fc.assert(
    fc.property(parts, (list) => {
      try {
        referencePattern(list.join(""))("a/a:1");
      } catch (error) {
        expect(error).toMatchObject({ kind: "invalid" });
      }
    }),
  );
});
