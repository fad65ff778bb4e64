import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, readlink } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The places that one engine owns; everything that names them is its own. */
export interface Roots {
  readonly dataRoot: string;
  readonly stateRoot: string;
}

/** What is left on the machine from an engine and its containers, one readable line each; empty is good. */
export async function findLeaks(roots: Roots, before: Snapshot): Promise<readonly string[]> {
  const now = await snapshot(roots);
  const added = (kind: keyof Snapshot): string[] =>
    now[kind].filter((item) => !before[kind].includes(item)).map((item) => `${kind}: ${item}`);
  return (["mounts", "links", "tables", "cgroups", "processes", "folders"] as const).flatMap(added);
}

export interface Snapshot {
  readonly mounts: readonly string[];
  readonly links: readonly string[];
  readonly tables: readonly string[];
  readonly cgroups: readonly string[];
  readonly processes: readonly string[];
  /** Containers, snapshots and unfinished files below the roots. */
  readonly folders: readonly string[];
}

export async function snapshot(roots: Roots): Promise<Snapshot> {
  const [mounts, links, tables, cgroups, processes, folders] = await Promise.all([
    mountsUnder(roots),
    linkNames(),
    nftTables(),
    cgroupFolders(),
    processesOf(roots),
    foldersOf(roots),
  ]);
  return { mounts, links, tables, cgroups, processes, folders };
}

export async function mountsUnder(roots: Roots): Promise<string[]> {
  const table = await readFile("/proc/self/mountinfo", "utf8");
  return table
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((at) => at.startsWith(`${roots.dataRoot}/`) || at.startsWith(`${roots.stateRoot}/`));
}

async function linkNames(): Promise<string[]> {
  return (await readdir("/sys/class/net")).filter((name) => !/^(lo|eth|ens|enp|ifb)/.test(name));
}

async function nftTables(): Promise<string[]> {
  if (process.getuid?.() !== 0) return [];
  const { stdout } = await run("nft", ["list", "tables"], {
    env: { PATH: `${process.env["PATH"]}:/usr/sbin` },
  });
  return stdout.split("\n").filter((line) => line !== "");
}

/** Two levels are enough: an engine puts its containers below one folder of its own in each hierarchy. */
async function cgroupFolders(): Promise<string[]> {
  const found: string[] = [];
  const list = async (folder: string): Promise<string[]> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(folder, entry.name));
  };
  for (const first of await list("/sys/fs/cgroup"))
    for (const second of await list(first)) found.push(second, ...(await list(second)));
  return found.filter((path) => /longshore/.test(path));
}

/** Pids whose command line or working directory names one of the roots. */
export async function processesOf(roots: Roots): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    const line = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""))
      .replaceAll("\0", " ")
      .trim();
    const at = await readlink(`/proc/${pid}/cwd`).catch(() => "");
    if ([line, at].some((text) => text.includes(roots.dataRoot) || text.includes(roots.stateRoot)))
      found.push(`${pid} ${line.slice(0, 200)}`);
  }
  return found;
}

async function foldersOf(roots: Roots): Promise<string[]> {
  const watched = [
    join(roots.dataRoot, "containers"),
    join(roots.dataRoot, "tmp"),
    join(roots.stateRoot, "containers"),
  ];
  const lists = watched
    .filter((folder) => existsSync(folder))
    .map(async (folder) => (await readdir(folder)).map((name) => join(folder, name)));
  return (await Promise.all(lists)).flat();
}
