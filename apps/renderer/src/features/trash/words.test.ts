import { expect, test } from "vitest";
import { bringsWords, countWords, freeName, keepsFor } from "./words.ts";

test("keepsFor() counts whole days as days", () => {
  expect([7 * 86_400, 86_400, 43_200, 90, 0].map((maxAgeSeconds) => keepsFor({ maxAgeSeconds }))).toEqual([
    "7 days",
    "one day",
    "12 h",
    "1 min",
    "0 s",
  ]);
});

test("countWords() names each kind that is there", () => {
  const kinds = (...all: readonly ("container" | "image" | "volume")[]): string =>
    countWords(all.map((kind) => ({ kind })));
  expect(kinds("volume", "container", "volume")).toBe("1 container, 2 volumes");
  expect(kinds("image")).toBe("1 image");
  expect(kinds()).toBe("");
});

test("bringsWords() lists what comes along", () => {
  expect(bringsWords([])).toBe("");
  expect(
    bringsWords([
      { kind: "volume", name: "data" },
      { kind: "image", name: "a:1" },
    ]),
  ).toBe("volume data, image a:1");
});

test.each([
  ["container", "web", [], "web-restored"],
  ["container", "web", ["web-restored", "web-restored-2"], "web-restored-3"],
  ["volume", "data", [], "data-restored"],
  ["image", "team/app:1", [], "team/app:1-restored"],
  ["image", "host:5000/app", [], "host:5000/app:restored"],
  ["image", `app@sha256:${"a".repeat(64)}`, ["app:restored"], "app:restored-2"],
] as const)("freeName(%s, %s) with %j taken is %s", (kind, name, taken: readonly string[], wanted) => {
  expect(freeName(kind, name, (one) => taken.includes(one))).toBe(wanted);
});
