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
  const place = await realpath(target);
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
  return lines.some((line) => unescaped(line.split(" ")[4] ?? "") === place);
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_all, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}
