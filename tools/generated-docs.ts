import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { allRoutes, type Rooms, STATUS } from "@longshore/engine/api";
import { readOperations } from "./generated-docs/api-description.ts";
import { apiPage } from "./generated-docs/api-page.ts";
import { bridgePage } from "./generated-docs/bridge-page.ts";
import { errorsPage } from "./generated-docs/errors-page.ts";

/** Pages of docs/generated, made from code. Without `--write` it fails when one differs from what the code says. */
const root = join(import.meta.dirname, "..");
const pages: Readonly<Record<string, () => string>> = {
  "docs/generated/host-packages.md": hostPackages,
  "docs/generated/api.md": () =>
    apiPage(
      routeTable(),
      readOperations(["v1.51", "v1.41"].map((name) => join(root, `e2e/compat/engine-api/${name}.yaml`))),
    ),
  "docs/generated/errors.md": () => errorsPage(STATUS),
  "docs/generated/bridge.md": () =>
    bridgePage(readFileSync(join(root, "packages/protocol/src/bridge.ts"), "utf8")),
};

let stale = 0;
for (const [path, make] of Object.entries(pages)) {
  const wanted = make();
  const file = join(root, path);
  if (process.argv.includes("--write")) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, wanted);
  } else if (!existsSync(file) || readFileSync(file, "utf8") !== wanted) {
    console.error(`${path} is older than the code: npm run docs`);
    stale++;
  }
}
console.log(`generated docs: ${stale} stale of ${Object.keys(pages).length}`);
process.exitCode = stale === 0 ? 0 : 1;

/** The table is data: its handlers take rooms only when they are called. */
function routeTable(): ReturnType<typeof allRoutes> {
  return allRoutes(new Proxy({}, { get: () => ({}) }) as Rooms);
}

function hostPackages(): string {
  const rows = readFileSync(join(root, "tools/host-packages.txt"), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
    .map(([when, , packages, why]) => `| ${packages?.split(" ").at(-1)} | ${when} | ${why} |`);
  return ["# Host packages", "", "| package | for | why |", "|---|---|---|", ...rows, ""].join("\n");
}
