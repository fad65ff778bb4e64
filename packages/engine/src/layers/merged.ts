import { lstatSync, type Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { getXattr } from "#host";
import { errno, nameOf, pathOf } from "#kernel";

export const OPAQUE_XATTR = "trusted.overlay.opaque";

type NodeKind = Pick<Stats, "isCharacterDevice"> & { readonly rdev: number | bigint };
/** An overlay whiteout: character device 0:0. Source: Linux overlayfs documentation. */
export const isWhiteout = (stats: NodeKind): boolean => stats.isCharacterDevice() && Number(stats.rdev) === 0;
export const isOpaque = (place: string): boolean => getXattr(place, OPAQUE_XATTR)?.toString() === "y";

/** What one name means in a stack of folders that overlay merges. */
export interface Seen {
  readonly stats: Stats;
  /** Where the topmost of it lies. */
  readonly place: string;
  /** For a directory: the folders that merge there, topmost first. */
  readonly folders: readonly string[];
}

/**
 * Looks for one name (no slashes) in `folders`, topmost first, as overlay would: a whiteout or anything but a directory ends the search,
 * a symlink is never followed. The folders must be at rest. Undefined when it isn't there.
 */
export function look(folders: readonly string[], name: string): Seen | undefined {
  let top: { stats: Stats; place: string } | undefined;
  const merging: string[] = [];
  for (const folder of folders) {
    const place = `${folder}/${name}`;
    const stats = statOf(place);
    if (stats === undefined) continue;
    if (isWhiteout(stats)) break;
    if (!stats.isDirectory()) {
      top ??= { stats, place };
      break;
    }
    top ??= { stats, place };
    merging.push(place);
    if (isOpaque(place)) break;
  }
  return top === undefined ? undefined : { ...top, folders: merging };
}

/** As look() for a path below the root; a symlink or file on the way ends it. */
export function lookPath(roots: readonly string[], path: string): Seen | undefined {
  let folders = roots;
  let seen: Seen | undefined;
  for (const part of path.split("/").filter((word) => word !== "")) {
    seen = look(folders, part);
    if (seen === undefined) return undefined;
    ({ folders } = seen);
  }
  return seen;
}

/** Names that merged `folders` show. */
export async function namesIn(folders: readonly string[]): Promise<readonly string[]> {
  const shown = new Map<string, boolean>();
  for (const folder of folders)
    for (const name of (await readdir(pathOf(folder), "buffer")).map(nameOf))
      if (!shown.has(name)) shown.set(name, !isWhiteout(await lstat(pathOf(`${folder}/${name}`))));
  return [...shown].filter(([, isShown]) => isShown).map(([name]) => name);
}

function statOf(place: string): Stats | undefined {
  try {
    return lstatSync(pathOf(place), { throwIfNoEntry: false });
  } catch (error) {
    if (errno(error) === "ENOTDIR") return undefined;
    throw error;
  }
}
