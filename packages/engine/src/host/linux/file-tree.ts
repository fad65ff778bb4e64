import { readdir, rename, rm } from "node:fs/promises";
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
