import { spawnSync } from "node:child_process";

/** Runs every lane that CI promises and ends with the line `N passed, N failed`. */
interface Lane {
  readonly name: string;
  readonly command: readonly string[];
}

const lanes: readonly Lane[] = [
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "types", command: ["tsc", "-b"] },
  { name: "tests", command: ["vitest", "run"] },
];

let passed = 0;
let failed = 0;
for (const lane of lanes) {
  const [program = "", ...rest] = lane.command;
  const startedAt = Date.now();
  console.log(`\n== ${lane.name}: ${lane.command.join(" ")}`);
  const result = spawnSync(program, rest, {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
  });
  process.stdout.write(result.stdout);
  const counts = countTests(result.stdout);
  passed += counts.passed;
  failed += counts.failed;
  if (counts.passed + counts.failed === 0) {
    if (result.status === 0) passed++;
    else failed++;
  } else if (result.status !== 0 && counts.failed === 0) failed++;
  console.log(
    `== ${lane.name}: ${result.status === 0 ? "ok" : "FAILED"} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`,
  );
}
console.log(`\n${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

function countTests(output: string): { passed: number; failed: number } {
  // oxlint-disable-next-line no-control-regex -- vitest colours its summary
  const plain = output.replaceAll(/\u001B\[\d+m/g, "");
  const line = /^\s*Tests\s+(.*)$/m.exec(plain)?.[1] ?? "";
  return {
    passed: Number(/(\d+) passed/.exec(line)?.[1] ?? 0),
    failed: Number(/(\d+) failed/.exec(line)?.[1] ?? 0),
  };
}
