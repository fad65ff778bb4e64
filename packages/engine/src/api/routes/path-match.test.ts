import { expect, test } from "vitest";
import { pathMatch } from "./path-match.ts";

// Of Go's own table for path.Match, with some of references.
test.each<readonly [string, string, boolean]>([
  ["abc", "abc", true],
  ["*", "abc", true],
  ["*c", "abc", true],
  ["a*", "a", true],
  ["a*", "abc", true],
  ["a*", "ab/c", false],
  ["a*/b", "abc/b", true],
  ["a*/b", "a/c/b", false],
  ["a*b*c*d*e*/f", "axbxcxdxe/f", true],
  ["a*b*c*d*e*/f", "axbxcxdxexxx/f", true],
  ["a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false],
  ["a*b?c*x", "abxbbxdbxebxczzx", true],
  ["a*b?c*x", "abxbbxdbxebxczzy", false],
  ["ab[c]", "abc", true],
  ["ab[b-d]", "abc", true],
  ["ab[e-g]", "abc", false],
  ["ab[^c]", "abc", false],
  ["ab[^e-g]", "abc", true],
  ["a\\*b", "a*b", true],
  ["a\\*b", "ab", false],
  ["a?b", "a☺b", true],
  ["a[^a]b", "a☺b", true],
  ["a???b", "a☺b", false],
  ["[a-ζ]*", "α", true],
  ["*[a-ζ]", "A", false],
  ["a?b", "a/b", false],
  ["a*b", "a/b", false],
  ["[\\]a]", "]", true],
  ["[\\-]", "-", true],
  ["[x\\-]", "-", true],
  ["[\\-x]", "a", false],
  ["*x", "xxx", true],
  ["**", "abc", true],
  ["", "", true],
  ["", "a", false],
  ["longshore/*", "longshore/starter:latest", true],
  ["*:1.[0-9]", "app:1.5", true],
  ["localhost:*/app:*", "localhost:5000/app:1", true],
])("pathMatch(%j) of %j is %j", (pattern, name, isMatch) => {
  expect(pathMatch(pattern)(name)).toBe(isMatch);
});

test.each(["[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "a\\", "[a\\"])(
  "pathMatch(%j) is a syntax error",
  (pattern) => {
    expect(() => pathMatch(pattern)).toThrow(
      expect.objectContaining({ kind: "invalid", message: "syntax error in pattern" }),
    );
  },
);

test("pathMatch() of many stars ends", () => {
  expect(pathMatch(`${"*a".repeat(200)}b`)("a".repeat(4000))).toBe(false);
});
