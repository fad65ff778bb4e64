import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerArchive, starterRecipe, tarOf, busyboxLayer } from "@longshore/testkit";
import { openPeers, type Peer } from "./peers.ts";
import { cli, scenarios, type Scenario } from "./scenarios.ts";

/** `npm run bench -- --rounds 20 --only run,exec`: medians of this engine, dockerd and podman, taken in turns. */
const option = (name: string): string | undefined =>
  process.argv[process.argv.indexOf(`--${name}`) + 1 || Infinity];
const rounds = Number(option("rounds") ?? 10);
const only = option("only")?.split(",");

const folder = mkdtempSync(join(tmpdir(), "longshore-bench-"));
await using stack = new AsyncDisposableStack();
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const peers: Peer[] = (await openPeers()).map((peer) => stack.use(peer));
const starter = join(folder, "starter.tar");
writeFileSync(starter, dockerArchive(starterRecipe()));
for (const peer of peers) cli(peer, "load", "-i", starter);
for (const peer of peers)
  console.log(`${peer.name}: ${(peer.residentKib() / 1024).toFixed(0)} MiB resident, idle`);

const rows: string[][] = [["scenario", ...peers.map((peer) => peer.name), "floor", "to each peer", "goal"]];
for (const scenario of scenarios(folder, makeBundle(), rounds)) {
  if (only && !only.some((word) => scenario.name.includes(word))) continue;
  console.log(`bench: ${scenario.name}`);
  rows.push(await measure(scenario));
}
print(rows);
for (const peer of peers) {
  const ids = cli(peer, "ps", "-aq").split("\n").filter(Boolean);
  if (ids.length > 0) cli(peer, "rm", "-f", ...ids);
}

/** One warm-up each, then rounds in which each engine has its turn. */
async function measure(scenario: Scenario): Promise<string[]> {
  for (const peer of peers) await scenario.prepare?.(peer);
  const took = new Map<string, number[]>(peers.map((peer) => [peer.name, []]));
  const floors: number[] = [];
  for (let round = 0; round <= scenario.rounds; round++) {
    for (const peer of peers) {
      const ms = await scenario.measure(peer);
      if (round > 0) took.get(peer.name)?.push(ms);
    }
    if (scenario.floor && round > 0) floors.push(scenario.floor());
  }
  const medians = peers.map((peer) => median(took.get(peer.name) ?? []));
  const [ours = Number.NaN, ...others] = medians;
  const ratios = others.map((other, index) => `${(ours / other).toFixed(2)}x ${peers[index + 1]?.name}`);
  if (floors.length > 0) ratios.push(`${(ours / median(floors)).toFixed(1)}x floor`);
  return [
    scenario.name,
    ...medians.map((ms) => `${ms.toFixed(1)} ms`),
    floors.length > 0 ? `${median(floors).toFixed(1)} ms` : "",
    ratios.join(", "),
    scenario.goal,
  ];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** A bundle for the bare runtime: the starter's root, `true`, no terminal. */
function makeBundle(): string {
  const bundle = join(folder, "bundle");
  mkdirSync(join(bundle, "rootfs"), { recursive: true });
  spawnSync("tar", ["-xf", "-", "-C", join(bundle, "rootfs")], { input: tarOf(busyboxLayer()) });
  execFileSync("crun", ["spec"], { cwd: bundle });
  const config: { process: { terminal: boolean; args: string[] } } = JSON.parse(
    readFileSync(join(bundle, "config.json"), "utf8"),
  );
  config.process.terminal = false;
  config.process.args = ["/bin/true"];
  writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
  return bundle;
}

function print(table: readonly string[][]): void {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => (row[column] ?? "").length)),
  );
  for (const row of table)
    console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}
