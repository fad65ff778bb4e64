import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { expect } from "vitest";
import { linesIn } from "./frames.ts";
import type { Keeper } from "./keepers.ts";

/** What the engine acknowledged, so that a test can ask for it after a crash. */
export interface Ledger {
  /** Containers whose create was answered and whose removal was never asked for. */
  readonly created: Set<string>;
  /** Started ones that end by themselves or were stopped: the exit code they must show, and their lines, 1 to n. */
  readonly ending: Map<string, { exitCode: number; lines: number }>;
  /** Started ones that run until they are removed, with the host's port that leads to them. */
  readonly running: Map<string, { pid: number; port?: number }>;
  readonly images: Set<string>;
  /** Volumes and the text that a container wrote into the file "f" of each. */
  readonly volumes: Map<string, string>;
  readonly networks: Set<string>;
  /** Containers and networks whose removal was answered. */
  readonly removed: Set<string>;
  /** Answers that were wrong when they came. */
  readonly wrong: string[];
  /** How often each operation was acknowledged, over all rounds. */
  readonly counts: Map<string, number>;
}

export const newLedger = (): Ledger => ({
  created: new Set(),
  ending: new Map(),
  running: new Map(),
  images: new Set(),
  volumes: new Map(),
  networks: new Set(),
  removed: new Set(),
  wrong: [],
  counts: new Map(),
});

/** Holds the engine to everything it acknowledged. */
export async function checkKept(
  docker: Docker,
  dataRoot: string,
  ledger: Ledger,
  keepers: readonly Keeper[],
  when: string,
): Promise<void> {
  expect(ledger.wrong, `wrong answers, ${when}`).toEqual([]);
  const listed = new Set((await docker.listContainers({ all: true })).map((item) => item.Id));
  expect(
    [...ledger.created].filter((id) => !listed.has(id)),
    `lost containers, ${when}`,
  ).toEqual([]);
  const networks = new Set((await docker.listNetworks()).map((item) => item.Name));
  expect(
    [...ledger.networks].filter((name) => !networks.has(name)),
    `lost networks, ${when}`,
  ).toEqual([]);
  expect(
    [...ledger.removed].filter((name) => listed.has(name) || networks.has(name)),
    `back again, ${when}`,
  ).toEqual([]);
  for (const [id, { exitCode, lines }] of ledger.ending) {
    const container = docker.getContainer(id);
    expect(await container.wait(), `exit code of ${id}, ${when}`).toMatchObject({ StatusCode: exitCode });
    expect((await linesOf(container)).join(), `lines of ${id}, ${when}`).toBe(
      Array.from({ length: lines }, (_, index) => index + 1).join(),
    );
  }
  for (const [id, { pid, port }] of [...ledger.running, ...keepers.map((one) => [one.id, one] as const)].map(
    ([id, facts]) => [id, { port: undefined, ...facts }] as const,
  )) {
    const { State } = await docker.getContainer(id).inspect();
    expect({ running: State.Running, pid: State.Pid }, `${id}, ${when}`).toEqual({ running: true, pid });
    if (port === undefined) continue;
    expect(await pageAt(port), `page of ${id} at port ${port}, ${when}`).toContain("It runs");
  }
  for (const { id } of keepers) {
    const lines = await linesOf(docker.getContainer(id));
    const gap = lines.findIndex((line, index) => line !== String(index + 1));
    expect(gap, `first gap in a keeper's ${lines.length} lines, ${when}`).toBe(-1);
  }
  for (const reference of ledger.images) await docker.getImage(reference).inspect();
  for (const [name, text] of ledger.volumes)
    expect(
      readFileSync(join(dataRoot, "volumes", name, "_data", "f"), "utf8"),
      `volume ${name}, ${when}`,
    ).toBe(`${text}\n`);
}

/** Its server may have begun only just now. */
async function pageAt(port: number): Promise<string> {
  for (let tries = 1; ; tries++) {
    try {
      const signal = AbortSignal.timeout(3_000);
      return await (await fetch(`http://127.0.0.1:${port}/`, { signal })).text();
    } catch (error) {
      if (tries === 10) return String(error instanceof Error ? (error.cause ?? error) : error);
      await sleep(50 * tries);
    }
  }
}

async function linesOf(container: Docker.Container): Promise<readonly string[]> {
  return linesIn(await container.logs({ stdout: true, stderr: true, follow: false }));
}

/** Removes all that the load made, the keepers stay; an object whose making was never answered is found by its label. */
export async function forget(docker: Docker, ledger: Ledger): Promise<void> {
  for (const item of await docker.listContainers({ all: true }))
    if (item.Labels["crash"] !== "keeper")
      await docker.getContainer(item.Id).remove({ force: true, v: true });
  for (const { Name, Labels } of await docker.listNetworks())
    if (Labels?.["crash"] !== undefined) await docker.getNetwork(Name).remove();
  for (const { Name } of (await docker.listVolumes()).Volumes) await docker.getVolume(Name).remove();
  for (const { RepoTags } of await docker.listImages())
    for (const tag of RepoTags ?? []) if (tag.startsWith("ls/crash:")) await docker.getImage(tag).remove();
  const { created, ending, running, images, volumes, networks, removed } = ledger;
  for (const list of [created, ending, running, images, volumes, networks, removed]) list.clear();
}
