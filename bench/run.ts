import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { dockerArchive, starterRecipe } from "@longshore/testkit";
import { makeBundle } from "./bare-runtime.ts";
import { openPeers, type Peer } from "./peers.ts";
import { memoryScenarios } from "./memory.ts";
import { containerScenarios } from "./container-scenarios.ts";
import { imageScenarios } from "./image-scenarios.ts";
import { cli, type Scenario } from "./timing.ts";

/** `npm run bench -- --rounds 20 --only run,exec`: medians of this engine, dockerd and podman, taken in turns. */
const option = (name: string): string | undefined =>
  process.argv[process.argv.indexOf(`--${name}`) + 1 || Infinity];
const rounds = Number(option("rounds") ?? 10);
const only = option("only")?.split(",");

const folder = mkdtempSync(join(tmpdir(), "longshore-bench-"));
await using stack = new AsyncDisposableStack();
for (const name of ["SIGINT", "SIGTERM"] as const)
  process.once(name, () => void stack.disposeAsync().finally(() => process.exit(1)));
stack.defer(() => rmSync(folder, { recursive: true, force: true }));
const peers: Peer[] = (await openPeers()).map((peer) => stack.use(peer));
for (const peer of peers) stack.defer(() => removeContainers(peer));
const starter = join(folder, "starter.tar");
writeFileSync(starter, dockerArchive(starterRecipe()));
for (const peer of peers) cli(peer, "load", "-i", starter);
const rows: string[][] = [["scenario", ...peers.map((peer) => peer.name), "floor", "to each peer", "goal"]];
const all = [
  ...memoryScenarios(),
  ...containerScenarios(folder, stack.use(makeBundle(folder)), rounds),
  ...imageScenarios(folder, peers, rounds, stack),
];
for (const scenario of all) {
  if (only && !only.some((word) => scenario.name.includes(word))) continue;
  console.log(`bench: ${scenario.name}`);
  rows.push(await measure(scenario));
}
print(rows);

/** Also after a failure: podman's containers outlive its service. */
function removeContainers(peer: Peer): void {
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
      const value = await scenario.measure(peer);
      if (round > 0) took.get(peer.name)?.push(value);
    }
    if (scenario.floor && round > 0) floors.push(scenario.floor());
  }
  const medians = peers.map((peer) => median(took.get(peer.name) ?? []));
  const [ours = Number.NaN, ...others] = medians;
  const ratios = others.map((other, index) => `${(ours / other).toFixed(2)}x ${peers[index + 1]?.name}`);
  if (floors.length > 0) ratios.push(`${(ours / median(floors)).toFixed(1)}x floor`);
  const { unit = "ms" } = scenario;
  return [
    scenario.name,
    ...medians.map((value) => `${value.toFixed(1)} ${unit}`),
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

function print(table: readonly string[][]): void {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => (row[column] ?? "").length)),
  );
  for (const row of table)
    console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  "));
}
