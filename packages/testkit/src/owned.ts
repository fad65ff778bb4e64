import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const environment = { PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };

/** The places that one engine owns; everything that names them is its own. */
export interface Roots {
  readonly dataRoot: string;
  readonly stateRoot: string;
}

/** The mark by which an engine's bridges and its nft table are known: a hash of its state root. */
export function markOf(roots: Roots): string {
  return `longshore_${createHash("sha256").update(roots.stateRoot).digest("hex").slice(0, 8)}`;
}

/** Mount points below the roots, in the order in which they were mounted. */
export function mountsUnder(roots: Roots): readonly string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((at) => at.startsWith(`${roots.dataRoot}/`) || at.startsWith(`${roots.stateRoot}/`));
}

export interface Link {
  readonly name: string;
  readonly kind: string;
  /** A veth on no bridge: it may be another engine's, which makes or removes it just now. */
  readonly isStray: boolean;
}

/** An engine's bridges, the veths on them, and stray ones. */
export async function linksOf(roots: Roots): Promise<readonly Link[]> {
  const { stdout } = await run("ip", ["-json", "-details", "link"], { env: environment });
  const all = JSON.parse(stdout) as readonly {
    ifname: string;
    ifalias?: string;
    master?: string;
    linkinfo?: { info_kind?: string };
  }[];
  const isOurs = (alias: string | undefined): boolean => alias?.split(" ")[0] === markOf(roots);
  const bridges = new Set(all.filter((link) => isOurs(link.ifalias)).map((link) => link.ifname));
  return all.flatMap(({ ifname: name, master, linkinfo }) => {
    const kind = linkinfo?.info_kind ?? "";
    const isStray = kind === "veth" && master === undefined;
    const isOwn = bridges.has(name) || (master !== undefined && bridges.has(master));
    return isOwn || isStray ? [{ name, kind, isStray }] : [];
  });
}

/** Each element of each set of the engine's nft table, one line each; empty without a table. */
export async function nftElementsOf(roots: Roots): Promise<readonly string[]> {
  const listed = await run("nft", ["-j", "list", "table", "inet", markOf(roots)], {
    env: environment,
  }).catch((error: Error & { stderr?: string }) => {
    if (/No such file or directory/.test(error.stderr ?? "")) return undefined;
    throw error;
  });
  if (listed === undefined) return [];
  const { nftables } = JSON.parse(listed.stdout) as {
    nftables: readonly Partial<Record<"set" | "map", { name: string; elem?: readonly unknown[] }>>[];
  };
  return nftables.flatMap((entry) => {
    const set = entry.set ?? entry.map;
    return (set?.elem ?? []).map((element) => `${set?.name}: ${JSON.stringify(element)}`);
  });
}

export interface OwnProcess {
  readonly pid: number;
  readonly parent: number;
  readonly role: "engine" | "monitor" | "holder" | "other";
  readonly isZombie: boolean;
  /** False for one that is here only as a child of another. */
  readonly isNamed: boolean;
  readonly command: string;
}

/** Processes whose command line, folder or environment names the state root, and every child of theirs. */
export function processesOf(roots: Roots): readonly OwnProcess[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .flatMap((name) => processAt(Number(name), roots) ?? []);
  const own = new Set(all.filter((found) => found.isNamed).map((found) => found.pid));
  return all.filter((found) => found.isNamed || own.has(found.parent));
}

function processAt(pid: number, roots: Roots): OwnProcess | undefined {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, "utf8");
  try {
    const stat = read("stat");
    const [state = "", parent = ""] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const command = read("cmdline").replaceAll("\0", " ").trim();
    const isZombie = state === "Z";
    const places = [
      command,
      isZombie ? "" : readlinkSync(`/proc/${pid}/cwd`),
      isZombie ? "" : read("environ"),
    ];
    const isNamed = places.some((text) =>
      [roots.dataRoot, roots.stateRoot].some((root) => text.includes(root)),
    );
    const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    return {
      pid,
      parent: Number(parent),
      role: roleOf(command),
      isZombie,
      isNamed,
      command: command || name,
    };
  } catch {
    return undefined; // it has ended meanwhile
  }
}

function roleOf(command: string): OwnProcess["role"] {
  if (/runtime\/monitor\/|\/monitor-/.test(command)) return "monitor";
  if (/\/main\.[tj]s .*--state-root/.test(command)) return "engine";
  return command === "sleep infinity" ? "holder" : "other";
}

/** Pids in the cgroups of the containers `ids`, in any hierarchy. */
export function pidsInCgroups(ids: readonly string[]): readonly number[] {
  if (ids.length === 0) return [];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const groups = readFileSync(join("/proc", name, "cgroup"), "utf8");
        return ids.some((id) => groups.includes(id));
      } catch {
        return false; // it has ended meanwhile
      }
    })
    .map(Number);
}

/** Cgroups of containers below `parent` ("/longshore"), in every hierarchy. */
export function cgroupsBelow(parent: string): readonly string[] {
  return cgroupsAt(parent).flatMap(foldersIn);
}

/** One cgroup's places in all hierarchies, there or not. */
export function cgroupsAt(cgroup: string): readonly string[] {
  return ["/sys/fs/cgroup", ...foldersIn("/sys/fs/cgroup")].map((root) => join(root, cgroup));
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(folder, entry.name));
  } catch {
    return [];
  }
}
