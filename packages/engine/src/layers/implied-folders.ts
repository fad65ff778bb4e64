import { chmod, chown } from "node:fs/promises";
import { getXattr, listXattrs, setTimes, setXattr } from "#host";
import { pathOf } from "#kernel";
import { lookPath, type Seen } from "./merged.ts";

/**
 * Gives folders that a layer needs but doesn't name the attributes that they have in the layers below: overlay shows those of the topmost
 * one, and `/tmp` must not lose its sticky bit because a file was put there.
 */
export async function inheritFolders(
  root: string,
  folders: readonly string[],
  lowers: readonly string[],
): Promise<void> {
  for (const folder of folders.toReversed()) {
    const below = lookPath(lowers, folder);
    if (below?.stats.isDirectory() === true) await copyAttributes(below, root + folder);
  }
}

/** Owner, mode, extended attributes (overlay's own not) and times. */
export async function copyAttributes({ stats, place }: Seen, target: string): Promise<void> {
  await chown(pathOf(target), stats.uid, stats.gid);
  await chmod(pathOf(target), stats.mode & 0o7777);
  for (const name of listXattrs(place)) {
    const value = name.startsWith("trusted.overlay.") ? undefined : getXattr(place, name);
    if (value !== undefined) setXattr(target, name, Buffer.from(value));
  }
  setTimes(target, BigInt(Math.trunc(stats.mtimeMs)) * 1_000_000n);
}
