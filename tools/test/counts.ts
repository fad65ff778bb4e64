import { existsSync, readFileSync } from "node:fs";

export interface Counts {
  readonly passed: number;
  readonly failed: number;
}

export function addCounts(a: Counts, b: Counts): Counts {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed };
}

/** Reads vitest's JSON report. A file that fails outside of its tests counts as one failure; no report counts nothing. */
export function countVitest(path: string): Counts {
  if (!existsSync(path)) return { passed: 0, failed: 0 };
  const report: {
    numPassedTests: number;
    numFailedTests: number;
    testResults: readonly { status: string; assertionResults: readonly { status: string }[] }[];
  } = JSON.parse(readFileSync(path, "utf8"));
  const brokenFiles = report.testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some((test) => test.status === "failed"),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + brokenFiles.length };
}

/** Reads the summary that Playwright's line and list reporters end with. */
export function countPlaywright(output: string): Counts {
  // oxlint-disable-next-line no-control-regex -- the summary is coloured
  const plain = output.replaceAll(/\u001B\[[\d;]*m/g, "");
  const number = (word: string): number =>
    Number(new RegExp(String.raw`^\s*(\d+) ${word}\b`, "m").exec(plain)?.[1] ?? 0);
  return { passed: number("passed") + number("flaky"), failed: number("failed") + number("interrupted") };
}
