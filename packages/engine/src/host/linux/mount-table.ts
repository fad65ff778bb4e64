import { readFile, realpath } from "node:fs/promises";
import type { Mounts } from "../contract.ts";
import { mountTmpfs, unmount } from "./mounts.ts";
import { runCommand } from "./run-command.ts";

/** This process's mount namespace. */
export const linuxMounts: Mounts = { mountTmpfs, unmount, mountDevice, unmountDevice, isMountPoint };

/** In a process of its own: a network file system that doesn't answer must not stop the engine. */
async function mountDevice(what: Parameters<Mounts["mountDevice"]>[0], signal: AbortSignal): Promise<void> {
  const given = [
    ...(what.type === "" ? [] : ["-t", what.type]),
    ...(what.options === "" ? [] : ["-o", what.options]),
    "--",
    what.device,
    what.target,
  ];
  await runCommand({ name: "mount", given, package: "mount" }, signal);
}

async function unmountDevice(target: string, signal: AbortSignal): Promise<void> {
  await runCommand({ name: "umount", given: ["-l", "--", target], package: "mount" }, signal);
}

async function isMountPoint(target: string): Promise<boolean> {
  // The table names real paths only.
  const real = await realpath(target);
  return (await mountTable()).some(({ place }) => place === real);
}

interface MountEntry {
  readonly place: string;
  /** Mounts below it go to its copies. */
  readonly isShared: boolean;
  /** Mounts come to it from what it is a copy of. */
  readonly isSlave: boolean;
}

/** The mount that a file lies on. Source: mount_namespaces(7). */
export async function mountOf(file: string): Promise<MountEntry> {
  const real = await realpath(file);
  const above = (await mountTable()).filter(
    ({ place }) => place === "/" || real === place || real.startsWith(`${place}/`),
  );
  // The last of those at one place lies on top.
  return above.reduce((best, one) => (one.place.length >= best.place.length ? one : best), {
    place: "",
    isShared: false,
    isSlave: false,
  });
}

/** Source: proc_pid_mountinfo(5). */
async function mountTable(): Promise<readonly MountEntry[]> {
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line !== "");
  return lines.map((line) => {
    const [fields = ""] = line.split(" - ", 1);
    return {
      place: unescaped(fields.split(" ")[4] ?? ""),
      isShared: fields.includes(" shared:"),
      isSlave: fields.includes(" master:"),
    };
  });
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
