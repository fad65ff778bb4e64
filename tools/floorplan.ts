import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkAnatomy } from "./floorplan/anatomy.ts";
import { drawInto } from "./floorplan/draw.ts";
import type { SourceFile } from "./floorplan/edges.ts";
import { checkEngine } from "./floorplan/engine-rules.ts";
import { checkPackage, packageRules } from "./floorplan/package-rules.ts";
import { checkPlan, type Plan, type Violation } from "./floorplan/plan.ts";

/** `node tools/floorplan.ts` checks every import and every room's anatomy against the plan and the drawing against its page; `--write` draws it. */
const root = join(import.meta.dirname, "..");
const planPath = "packages/engine/floorplan.json";
const pagePath = "docs/ARCHITECTURE.md";
const plan: Plan = JSON.parse(readFileSync(join(root, planPath), "utf8"));

const violations: Violation[] = [
  ...checkPlan(plan, planPath),
  ...checkEngine(plan, sources(`${plan.package}/src`)),
  ...checkAnatomy(plan, [...sources(`${plan.package}/src`), ...sources(`${plan.package}/src`, "README.md")]),
  ...packageRules.flatMap((rule) => checkPackage(rule, sources(rule.folder))),
];
const page = readFileSync(join(root, pagePath), "utf8");
const drawn = drawInto(page, plan);
if (process.argv.includes("--write")) writeFileSync(join(root, pagePath), drawn);
else if (drawn !== page)
  violations.push({ path: pagePath, line: 1, problem: "the drawing is older than the plan: npm run docs" });

for (const { path, line, problem } of violations) console.error(`${path}:${line}: ${problem}`);
console.log(`floorplan: ${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;

function sources(folder: string, names = "*.{ts,tsx}"): readonly SourceFile[] {
  return globSync(`${folder}/**/${names}`, { cwd: root })
    .filter((path) => !path.endsWith(".d.ts"))
    .sort()
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }));
}
