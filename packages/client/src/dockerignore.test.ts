import { expect, test } from "vitest";
import { dockerignore } from "./dockerignore.ts";

test.each([
  ["node_modules", "node_modules/a/b", true],
  ["node_modules", "sub/node_modules", false],
  ["/build/", "build/out", true],
  ["*.md", "README.md", true],
  ["*.md", "docs/a.md", false],
  ["*/*.md", "docs/a.md", true],
  ["**/*.md", "a.md", true],
  ["**/*.md", "x/y/a.md", true],
  ["x/**", "x/y/z", true],
  ["a?c", "abc", true],
  ["a?c", "a/c", false],
  ["[ab].txt", "b.txt", true],
  ["[^ab].txt", "b.txt", false],
  ["a.txt", "axtxt", false],
  [String.raw`\#odd`, "#odd", true],
  ["# note", "# note", false],
  ["*.md\n!README.md", "README.md", false],
  ["!README.md\n*.md", "README.md", true],
  ["./a/../b", "b", true],
  ["", "a", false],
])("%j on %j stays out: %s", (text, path, staysOut) => {
  expect(dockerignore(text)(path)).toBe(staysOut);
});
