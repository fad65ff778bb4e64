import { existsSync, readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { cgroupsBelow, linksOf, mountsUnder, nftElementsOf, processesOf, type Roots } from "./owned.ts";

/** A link that may be another engine's for a moment: nobody misses it. */
const STRAY = "stray ";

/** Everything on this machine that belongs to one engine, one line each; pids and random names of links are left out. */
export async function inventory(roots: Roots, cgroupParent: string): Promise<readonly string[]> {
  const [links, elements] = await Promise.all([linksOf(roots), nftElementsOf(roots)]);
  const found = processesOf(roots);
  const roles = new Map(found.map((one) => [one.pid, one.role]));
  return [
    ...mountsUnder(roots).map((at) => `mount ${at}`),
    ...links.map(({ name, kind, isStray }) => `${isStray ? STRAY : ""}link ${kind} ${name}`),
    ...elements.map((element) => `nft ${element}`),
    ...cgroupsBelow(cgroupParent).map((path) => `cgroup ${path}`),
    // What runs in a container shows by its cgroup.
    ...found
      .filter(({ isZombie, isNamed }) => isZombie || isNamed)
      .map(({ role, isZombie, command, parent }) => {
        if (isZombie) return `zombie of ${roles.get(parent) ?? "nobody"}: ${command}`;
        return role === "other" ? `process ${command}` : `process ${role}`;
      }),
    ...filesUnder(roots.stateRoot).map((file) => `state ${file}`),
    ...filesUnder(roots.dataRoot).map((file) => `data ${file}`),
  ].toSorted();
}

/** What is in `now` and not in `before`, and what is missing. Equal lines count. */
export function difference(before: readonly string[], now: readonly string[]): readonly string[] {
  const rest = [...before];
  const added = now.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
  const missing = rest.filter((line) => !line.startsWith(STRAY));
  return [...added.map((line) => `left over: ${line}`), ...missing.map((line) => `missing: ${line}`)];
}

/** Content of containers, layers and volumes is no part of the comparison, only that they are there. */
const OPAQUE = /^(code-cache|snapshots\/\d+|volumes\/[^/]+|containers\/[^/]+\/rootfs)$/;

function filesUnder(root: string, folder: string = root): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const place = join(folder, entry.name);
    const name = relative(root, place);
    const line = name.replace(/^monitor\/holders\/\d+$/, "monitor/holders/PID");
    if (!entry.isDirectory()) return [line];
    return OPAQUE.test(name) ? [`${line}/`] : [`${line}/`, ...filesUnder(root, place)];
  });
}
