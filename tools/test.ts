import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { addCounts, type Counts, countPlaywright, countVitest } from "./test/counts.ts";

/** Runs every lane that CI promises, one after the other, and ends with the line `N passed, N failed`. */
interface Lane {
  readonly name: string;
  readonly command: readonly string[];
  readonly counts?: "vitest" | "playwright";
  /** Why the lane can't run here; the lane is then named and left out. */
  readonly unable?: string | undefined;
}

const root = join(import.meta.dirname, "..");
const reports = join(root, "artifacts/reports");
const changed = process.argv.includes("--changed");
const scripts: Record<string, string> = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).scripts;
const noRoot =
  process.platform !== "linux" || process.getuid?.() !== 0 ? "it needs root on Linux" : undefined;

const noEngine = existsSync(join(root, "packages/engine/src/main.ts"))
  ? undefined
  : "packages/engine/src/main.ts doesn't exist yet";

const vitest = (name: string, projects: readonly string[], unable?: string): Lane => ({
  name,
  counts: "vitest",
  command: [
    "vitest",
    "run",
    ...projects.flatMap((project) => ["--project", project]),
    ...(changed ? ["--changed"] : []),
    "--passWithNoTests",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${join(reports, `${name}.json`)}`,
  ],
  unable,
});

const quick: readonly Lane[] = [
  { name: "format", command: ["oxfmt", "--check"] },
  { name: "lint", command: ["oxlint", "--type-aware"] },
  { name: "floorplan", command: ["node", "tools/floorplan.ts"] },
  { name: "types", command: ["tsc", "-b"] },
  { name: "dead-code", command: ["knip", "--no-progress"] },
  { name: "docs", command: ["node", "tools/generated-docs.ts"] },
  vitest("tests", ["unit", "conformance", "golden", "fuzz"]),
];
const slow: readonly Lane[] = [
  vitest("host", ["host"], noRoot),
  vitest("compat", ["compat"], noRoot ?? noEngine),
  vitest("crash", ["crash"], noRoot ?? noEngine),
  {
    name: "e2e",
    command: ["npm", "run", "--silent", "e2e"],
    counts: "playwright",
    unable: scripts["e2e"] === undefined ? "there is no script of that name" : undefined,
  },
];

rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const startedAt = Date.now();
let total: Counts = { passed: 0, failed: 0 };
const failedLanes: string[] = [];
for (const lane of changed ? quick : [...quick, ...slow]) {
  if (lane.unable !== undefined) {
    console.log(`\n== ${lane.name}: left out, ${lane.unable}`);
    continue;
  }
  total = addCounts(total, await runLane(lane));
}
if (failedLanes.length > 0) console.log(`\nfailed lanes: ${failedLanes.join(", ")}`);
console.log(`\nall lanes took ${seconds(startedAt)}`);
console.log(`${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed === 0 ? 0 : 1;

async function runLane(lane: Lane): Promise<Counts> {
  const laneStartedAt = Date.now();
  console.log(`\n== ${lane.name}: ${lane.command.slice(0, 6).join(" ")}`);
  const { status, output } = await run(lane.command);
  const counts = countOf(lane, status, output);
  if (status !== 0) failedLanes.push(lane.name);
  console.log(`== ${lane.name}: ${status === 0 ? "ok" : "FAILED"} in ${seconds(laneStartedAt)}`);
  return counts;
}

/** A lane without tests of its own counts as one; a lane that fails always counts at least one failure. */
function countOf(lane: Lane, status: number, output: string): Counts {
  if (lane.counts === undefined) return status === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
  const counts =
    lane.counts === "playwright" ? countPlaywright(output) : countVitest(join(reports, `${lane.name}.json`));
  return status !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

function run(command: readonly string[]): Promise<{ status: number; output: string }> {
  const [program = "", ...rest] = command;
  return new Promise((done) => {
    const child = spawn(program, rest, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => {
      process.stdout.write(chunk);
      output = (output + chunk.toString()).slice(-65_536);
    });
    child.once("error", (error) => done({ status: 127, output: String(error) }));
    child.once("close", (code) => done({ status: code ?? 1, output }));
  });
}

function seconds(since: number): string {
  return `${((Date.now() - since) / 1000).toFixed(1)} s`;
}
