import { expect, test } from "vitest";
import { isOff, quotaBytes, trashSettings } from "./settings.ts";

test.for([
  ["10%", 100],
  ["0.5%", 5],
  ["512", 512],
  ["2k", 2048],
  ["1.5M", 1_572_864],
  ["20gb", 21_474_836_480],
] as const)("trashSettings() reads the quota %s", ([quota, bytes]) => {
  const settings = trashSettings(quota, "168h");
  expect([quotaBytes(settings, 1000), isOff(settings), settings.maxAgeMs]).toEqual([
    bytes,
    false,
    604_800_000,
  ]);
});

test("a quota of nothing turns it off", () => {
  expect([isOff(trashSettings("0", "1h")), isOff(trashSettings("0%", "1h"))]).toEqual([true, true]);
});

test("trashSettings() refuses what is neither, by flag and value", () => {
  for (const quota of ["", "-1", "101%", "10x", "g"])
    expect(() => trashSettings(quota, "1h")).toThrow(
      expect.objectContaining({
        kind: "invalid",
        message: `--trash-quota "${quota}", want bytes as 20g or a share of the disk as 10%`,
      }),
    );
  for (const age of ["7d", "0", "-1h", ""])
    expect(() => trashSettings("1g", age)).toThrow(`--trash-age "${age}", want a duration as 168h`);
});
