import { expect, test } from "vitest";
import { formatAge, formatBytes, formatMode, shortId } from "./format.ts";

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.00 kB"],
  [12_340, "12.3 kB"],
  [999_600, "1.00 MB"],
  [123_456_789, "123 MB"],
  [5e15, "5000 TB"],
])("formatBytes(%d) is %s", (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test("formatAge() uses the largest whole unit", () => {
  expect([0, 59, 60, 3600, 90_000, 86_400 * 100, 86_400 * 800].map((s) => formatAge(0, s * 1000))).toEqual([
    "0 s",
    "59 s",
    "1 min",
    "1 h",
    "1 d",
    "3 months",
    "2 years",
  ]);
});

test("formatMode() and shortId() are as ls and docker show them", () => {
  expect(formatMode(0o754)).toBe("rwxr-xr--");
  expect(shortId("sha256:0123456789abcdef")).toBe("0123456789ab");
});
