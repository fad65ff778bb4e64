import { spawnSync } from "node:child_process";
import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import {
  cgroupsAt,
  cgroupsBelow,
  linksOf,
  markOf,
  mountsUnder,
  pidsInCgroups,
  processesOf,
  type Roots,
} from "./owned.ts";

const ENDED_LIMIT_MS = 5_000;
/** Where an engine puts cgroups that nobody wants elsewhere. */
export const SHARED_PARENT = "/longshore";
const environment = { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };

export interface Home extends Roots {
  /** Holds both roots, the log and the socket. */
  readonly home: string;
  /** Where its containers' cgroups are. */
  readonly cgroupParents: readonly string[];
}

/** Takes away everything that an engine has ever made, without asking it: processes, cgroups, mounts, links, nft table, files. */
export async function wipe(home: Home): Promise<void> {
  const ids = namesIn(join(home.dataRoot, "containers")).concat(namesIn(join(home.stateRoot, "containers")));
  const containers = ids.filter((id) => /^[0-9a-f]{64}$/.test(id));
  const deadline = performance.now() + ENDED_LIMIT_MS;
  for (;;) {
    const own = processesOf(home).filter((one) => !one.isZombie);
    // The engine first: it would bring its monitor back.
    const order = own.toSorted(
      (one, other) => Number(other.role === "engine") - Number(one.role === "engine"),
    );
    const pids = [...order.map((one) => one.pid), ...pidsInCgroups(containers)];
    if (pids.length === 0 || performance.now() > deadline) break;
    for (const pid of pids) signalQuietly(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const at of mountsUnder(home).toReversed()) spawnSync("umount", ["-l", at]);
  for (const place of home.cgroupParents.flatMap(cgroupsBelow))
    if (containers.some((id) => place.endsWith(id))) removeFolder(place);
  // The parent too, unless it is the one that all engines share: another may be about to make a cgroup in it.
  for (const parent of home.cgroupParents)
    if (parent !== SHARED_PARENT) for (const place of cgroupsAt(parent)) removeFolder(place);
  spawnSync("nft", ["delete", "table", "inet", markOf(home)], { env: environment, stdio: "ignore" });
  for (const { name, kind } of await linksOf(home))
    if (kind === "bridge") spawnSync("ip", ["link", "delete", name], { env: environment, stdio: "ignore" });
  rmSync(home.home, { recursive: true, force: true, maxRetries: 5 });
}

export function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}

function removeFolder(place: string): void {
  try {
    rmdirSync(place);
  } catch {
    // gone, or a process ends in it just now
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
