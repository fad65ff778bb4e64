import { lstat, readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip, gzipSync } from "node:zlib";
import { LongshoreError } from "#kernel";
import type { FileEntry } from "./contract.ts";
import type { IndexedFile } from "./layer-writer.ts";

const unzip = promisify(gunzip);

/** For the thread that has the files. */
export const packIndex = (files: readonly IndexedFile[]): Buffer =>
  gzipSync(JSON.stringify(files), { level: 1 });

export async function readIndex(place: string): Promise<readonly IndexedFile[]> {
  return JSON.parse((await unzip(await readFile(place))).toString("utf8")) as IndexedFile[];
}

/** The top one's files, each told apart by what the layers below show. `indexes` base first. */
export function entriesOf(
  indexes: readonly (readonly IndexedFile[])[],
  own: readonly IndexedFile[],
): readonly FileEntry[] {
  const below = visiblePaths(indexes);
  return own
    .map(({ isWhiteout, isOpaque: _hidden, ...file }): FileEntry => ({
      ...file,
      change: isWhiteout === true ? "deleted" : below.has(file.path) ? "modified" : "added",
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** All paths that a chain shows; `indexes` base first. */
export function visiblePaths(indexes: readonly (readonly IndexedFile[])[]): ReadonlySet<string> {
  let visible = new Set<string>();
  for (const index of indexes) visible = over(visible, index);
  return visible;
}

/** The paths that are visible once a layer lies over `below`. */
function over(below: ReadonlySet<string>, index: readonly IndexedFile[]): Set<string> {
  const gone = new Set<string>();
  const hiding = new Set<string>();
  for (const file of index) {
    if (file.isWhiteout === true) gone.add(file.path);
    if (file.isWhiteout === true || file.isOpaque === true || file.type !== "directory")
      hiding.add(file.path);
  }
  const visible = new Set<string>();
  for (const path of below)
    if (!gone.has(path) && !(hiding.size > 0 && isBelowAny(path, hiding))) visible.add(path);
  for (const file of index) if (file.isWhiteout !== true) visible.add(file.path);
  return visible;
}

function isBelowAny(path: string, folders: ReadonlySet<string>): boolean {
  for (let slash = path.lastIndexOf("/"); slash >= 0; slash = path.lastIndexOf("/", slash - 1)) {
    if (folders.has(path.slice(0, slash) || "/")) return true;
    if (slash === 0) return false;
  }
  return false;
}

/** The place of a regular file of a sealed layer. Throws `invalid` when a link leads there or something else lies there. */
export async function regularFile(root: string, file: string): Promise<string> {
  let place = root;
  const parts = file.split("/").filter((word) => word !== "");
  for (const [index, part] of parts.entries()) {
    place = `${place}/${part}`;
    const stats = await lstat(place);
    if (stats.isSymbolicLink())
      throw new LongshoreError("invalid", `${JSON.stringify(file)} leads through a symbolic link`);
    // A hard link may name a device or a fifo: opening it would reach the host or wait for ever.
    if (index === parts.length - 1 && !stats.isFile())
      throw new LongshoreError("invalid", `${JSON.stringify(file)} is not a regular file`);
  }
  return place;
}
