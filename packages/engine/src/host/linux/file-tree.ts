import { readFile, realpath } from "node:fs/promises";
import { runCommand } from "./run-command.ts";

/**
 * Mounts as mount(8) does, in a process of its own: a network file system that doesn't answer must not stop the engine.
 * Throws `internal` with mount's words.
 */
export async function mountDevice(
  what: { readonly device: string; readonly type: string; readonly options: string; readonly target: string },
  signal: AbortSignal,
): Promise<void> {
  const given = [
    ...(what.type === "" ? [] : ["-t", what.type]),
    ...(what.options === "" ? [] : ["-o", what.options]),
    "--",
    what.device,
    what.target,
  ];
  await runCommand({ name: "mount", given, package: "mount" }, signal);
}

/** Unmounts what lies on `target`; where it is busy, as soon as it no longer is. */
export async function unmountDevice(target: string, signal: AbortSignal): Promise<void> {
  await runCommand({ name: "umount", given: ["-l", "--", target], package: "mount" }, signal);
}

/** True when something is mounted exactly on `target` (bind mounts included). Source: proc(5), mountinfo. */
export async function isMountPoint(target: string): Promise<boolean> {
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

/** Copies what is in `source` into the folder `target`, and its own owner, mode and times onto `target`: owners, modes, times, xattrs, devices and hard links stay; symlinks are copied, not followed. */
export async function copyTree(source: string, target: string, signal: AbortSignal): Promise<void> {
  await runCommand(
    {
      name: "cp",
      given: ["-a", "--reflink=auto", "--", `${source}/.`, target],
      package: "coreutils",
    },
    signal,
  );
}
