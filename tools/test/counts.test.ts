import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { addCounts, countPlaywright, countVitest } from "./counts.ts";

test("countVitest() counts a file that fails without a failing test", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-counts-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "report.json");
  writeFileSync(
    path,
    JSON.stringify({
      numPassedTests: 3,
      numFailedTests: 1,
      testResults: [
        { status: "failed", assertionResults: [{ status: "failed" }, { status: "passed" }] },
        { status: "failed", assertionResults: [] },
        { status: "passed", assertionResults: [{ status: "passed" }] },
      ],
    }),
  );
  expect(countVitest(path)).toEqual({ passed: 3, failed: 2 });
  expect(countVitest(join(folder, "absent.json"))).toEqual({ passed: 0, failed: 0 });
});

test("countPlaywright() reads a coloured summary", () => {
  const summary =
    "\u001B[31m  2 failed\u001B[39m\n    a.test.ts\n  1 flaky\n  3 skipped\n\u001B[32m  17 passed\u001B[39m (1.2m)\n";
  expect(countPlaywright(summary)).toEqual({ passed: 18, failed: 2 });
  expect(addCounts({ passed: 1, failed: 2 }, { passed: 3, failed: 4 })).toEqual({ passed: 4, failed: 6 });
});
