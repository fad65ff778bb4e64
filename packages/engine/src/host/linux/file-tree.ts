import { readdir, readFile, realpath, rename, rm } from "node:fs/promises";
import { errno, randomId } from "#kernel";
import { runCommand } from "./run-command.ts";

/** Half of PATH_MAX leaves room for what rm() adds. */
const LONG_PATH_BYTES = 2048;

/**
 * Removes a tree that nobody writes to, however deep: a container may nest folders deeper than a path can name. Absent is success.
 * What is too deep is moved up beside `place` first, as `PLACE.RANDOM`. Source: path_resolution(7), PATH_MAX.
 */
export async function removeTree(place: string): Promise<void> {
  for (const left = [place]; left.length > 0;) {
    const next = left.at(-1) ?? place;
    try {
      await rm(next, { recursive: true, force: true, maxRetries: 2 });
      left.pop();
    } catch (error) {
      if (errno(error) !== "ENAMETOOLONG") throw error;
      for await (const deep of deepFolders(next)) {
        const aside = `${place}.${randomId().slice(0, 16)}`;
        await rename(deep, aside);
        left.push(aside);
      }
    }
  }
}

/** Folders whose paths are about to be too long; nothing below them. */
async function* deepFolders(place: string): AsyncGenerator<string> {
  for (const entry of await readdir(place, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const path = `${place}/${entry.name}`;
    if (Buffer.byteLength(path) > LONG_PATH_BYTES) yield path;
    else yield* deepFolders(path);
  }
}

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
