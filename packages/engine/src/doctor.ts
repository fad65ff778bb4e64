import { execFile } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { messageOf } from "#kernel";
import { readCertificates, type TlsFiles } from "#api";

const run = promisify(execFile);
export const NO_RUNTIME = "neither crun nor runc was found: install the package crun";

/** One thing the engine needs of its host. */
export interface Check {
  readonly name: string;
  readonly isOk: boolean;
  /** What was found, or what is missing and how to get it. */
  readonly detail: string;
  /** Without it the engine does not start. */
  readonly isRequired: boolean;
}

/** PATH, and the folders that a user's PATH often lacks. */
const searchFolders = (): readonly string[] => [
  ...(process.env["PATH"] ?? "").split(":"),
  "/usr/sbin",
  "/sbin",
  "/usr/bin",
];

/** Finds `program` in `folders`. */
export function findProgram(
  program: string,
  folders: readonly string[] = searchFolders(),
): string | undefined {
  return folders
    .filter((folder) => folder !== "")
    .map((folder) => path.join(folder, program))
    .find(isExecutable);
}

function isExecutable(place: string): boolean {
  if (!existsSync(place)) return false;
  try {
    accessSync(place, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** All checks, at once and in one order. Changes nothing on the host. */
export async function checkHost(
  runtimePath: string | undefined,
  folders: readonly string[] = searchFolders(),
): Promise<readonly Check[]> {
  return [
    ...checkSystem(folders),
    await runtimeCheck(runtimePath, folders),
    programCheck("ps", "procps", false, folders),
    programCheck("mount", "mount", false, folders),
    initCheck(folders),
  ];
}

/** What a start looks at before it touches anything: all that is required but the OCI runtime, which its room runs itself. */
export function checkSystem(folders: readonly string[] = searchFolders()): readonly Check[] {
  return [
    rootCheck(),
    programCheck("nft", "nftables", true, folders),
    fileSystemCheck("overlay"),
    cgroupCheck(),
    nodeCheck(),
  ];
}

/** The files that `--tls` and `--tlsverify` name. */
export async function tlsCheck(files: TlsFiles): Promise<Check> {
  const name = "TLS files";
  try {
    const { clientCa, warnings } = await readCertificates(files);
    const served = `"${files.tlscert}", ${clientCa === undefined ? "any client" : `clients of "${files.tlscacert}"`}`;
    return { name, isOk: true, isRequired: true, detail: [served, ...warnings].join("; ") };
  } catch (error) {
    return { name, isOk: false, isRequired: true, detail: messageOf(error) };
  }
}

function rootCheck(): Check {
  const isRoot = process.getuid?.() === 0;
  return {
    name: "root",
    isOk: isRoot,
    isRequired: true,
    detail: isRoot ? "running as root" : "the engine mounts and makes namespaces: start it as root",
  };
}

/** A static init for `--init`, under the names distributions give it. */
export function findInit(folders: readonly string[] = searchFolders()): string | undefined {
  return firstOf(["docker-init", "tini-static", "catatonit"], folders);
}

/** The OCI runtime of a host where none is named. */
export function findRuntime(
  folders: readonly string[] = searchFolders(),
): { readonly name: string; readonly path: string } | undefined {
  const place = firstOf(["crun", "runc"], folders);
  return place === undefined ? undefined : { name: path.basename(place), path: place };
}

function firstOf(names: readonly string[], folders: readonly string[]): string | undefined {
  for (const name of names) {
    const found = findProgram(name, folders);
    if (found !== undefined) return found;
  }
  return undefined;
}

function initCheck(folders: readonly string[]): Check {
  const place = findInit(folders);
  return {
    name: "init",
    isOk: place !== undefined,
    isRequired: false,
    detail: place ?? "docker run --init needs docker-init: install the package tini",
  };
}

async function runtimeCheck(given: string | undefined, folders: readonly string[]): Promise<Check> {
  const place = given ?? findRuntime(folders)?.path;
  const missing = {
    name: "OCI runtime",
    isOk: false,
    isRequired: true,
    detail: NO_RUNTIME,
  };
  if (place === undefined) return missing;
  try {
    const { stdout } = await run(place, ["--version"]);
    return {
      name: "OCI runtime",
      isOk: true,
      isRequired: true,
      detail: `${place}: ${stdout.split("\n", 1)[0] ?? ""}`,
    };
  } catch {
    return {
      ...missing,
      detail: `"${place} --version" failed: install the package crun, or name another with --runtime NAME=/PATH`,
    };
  }
}

function programCheck(
  program: string,
  debianPackage: string,
  isRequired: boolean,
  folders: readonly string[],
): Check {
  const place = findProgram(program, folders);
  return {
    name: program,
    isOk: place !== undefined,
    isRequired,
    detail: place ?? `${program} was not found: install the package ${debianPackage}`,
  };
}

function fileSystemCheck(name: string): Check {
  const known = textOf("/proc/filesystems");
  const isOk = known.split("\n").some((line) => line.endsWith(`\t${name}`));
  return {
    name: `${name} file system`,
    isOk,
    isRequired: true,
    detail: isOk ? "in the kernel" : `the kernel lacks ${name} (CONFIG_OVERLAY_FS): load its module`,
  };
}

function cgroupCheck(): Check {
  const mounts = textOf("/proc/self/mountinfo");
  const isV2 = / \/sys\/fs\/cgroup .* - cgroup2 /.test(mounts);
  const isV1 = / - cgroup /.test(mounts);
  return {
    name: "cgroups",
    isOk: isV1 || isV2,
    isRequired: true,
    detail: isV2
      ? "version 2"
      : isV1
        ? "version 1 or hybrid"
        : "no cgroup file system is mounted at /sys/fs/cgroup",
  };
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function nodeCheck(): Check {
  const major = Number(process.versions.node.split(".", 1)[0]);
  return {
    name: "Node",
    isOk: major >= 24,
    isRequired: true,
    detail: major >= 24 ? process.version : `${process.version} is too old: Node 24 comes with npm ci`,
  };
}

/** The checks as lines of text. */
export function doctorText(checks: readonly Check[]): string {
  const lines = checks.map(
    (check) =>
      `${check.isOk ? "ok     " : check.isRequired ? "MISSING" : "absent "} ${check.name}: ${check.detail}`,
  );
  return `${lines.join("\n")}\n`;
}
