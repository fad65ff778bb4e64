import { constants, type Stats } from "node:fs";
import { lstat, open, opendir, readdir, readlink, realpath } from "node:fs/promises";
import path from "node:path";
import { deviceNumbers, getXattr, listXattrs } from "#host";
import { errno, MiB } from "#kernel";
import { TAR_END, type TarEntry, tarHeader, tarPadding } from "#spec";
import type { Change } from "./contract.ts";

const OPAQUE_XATTR = "trusted.overlay.opaque";

interface Found {
  readonly root: string;
  readonly place: string;
  /** Below the root, without a leading slash. */
  readonly name: string;
  readonly stats: Stats;
  readonly mtimeNano: bigint;
}

/** Everything below `root` in path order, parents first. */
export async function* walk(root: string, name = ""): AsyncGenerator<Found> {
  const entries: string[] = [];
  for await (const entry of await opendir(path.join(root, name))) entries.push(entry.name);
  for (const entry of entries.toSorted()) {
    const inner = name === "" ? entry : `${name}/${entry}`;
    const place = path.join(root, inner);
    try {
      const stats = await lstat(place);
      const exact = await lstat(place, { bigint: true });
      yield { root, place, name: inner, stats, mtimeNano: exact.mtimeNs };
      if (stats.isDirectory()) yield* walk(root, inner);
    } catch (error) {
      // A running container may remove what was just listed.
      if (errno(error) !== "ENOENT") throw error;
    }
  }
}

export const isWhiteout = (stats: Stats): boolean => stats.isCharacterDevice() && stats.rdev === 0;
const isOpaque = (place: string): boolean => getXattr(place, OPAQUE_XATTR)?.toString() === "y";

/** A directory tree as a tar. With `isDiff` overlay's whiteouts become `.wh.` names. Source: OCI image spec, layer. */
export async function* packTree(
  root: string,
  options: { isDiff: boolean },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const links = new Map<string, string>();
  for await (const found of walk(root)) {
    signal.throwIfAborted();
    const { stats, name, place } = found;
    if (stats.isSocket()) continue;
    if (options.isDiff && isWhiteout(stats)) {
      yield tarHeader({
        ...entryOf(found, "file"),
        name: path.posix
          .join(path.posix.dirname(name), `.wh.${path.posix.basename(name)}`)
          .replace(/^\.\//, ""),
        sizeBytes: 0,
        mode: 0,
        xattrs: new Map(),
      });
      continue;
    }
    const key = stats.nlink > 1 && !stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
    const first = key === undefined ? undefined : links.get(key);
    if (first !== undefined) {
      yield tarHeader({ ...entryOf(found, "hardlink"), linkName: first });
      continue;
    }
    if (key !== undefined) links.set(key, name);
    if (stats.isDirectory()) {
      yield tarHeader({ ...entryOf(found, "directory"), name: `${name}/` });
      if (options.isDiff && isOpaque(place))
        yield tarHeader({
          ...entryOf(found, "file"),
          name: `${name}/.wh..wh..opq`,
          sizeBytes: 0,
          mode: 0,
          xattrs: new Map(),
        });
    } else if (stats.isSymbolicLink())
      yield tarHeader({ ...entryOf(found, "symlink"), linkName: await readlink(place) });
    else if (stats.isFile()) yield* packFile(found);
    else
      yield tarHeader(
        entryOf(found, stats.isFIFO() ? "fifo" : stats.isBlockDevice() ? "block" : "character"),
      );
  }
  yield TAR_END;
}

/**
 * Exactly the size that the header promised, also when the file grows or shrinks meanwhile. A running container may put a link or a
 * fifo in the place of the file, or a link in the place of a folder above it: what opened is read only when it lies where it was found.
 */
async function* packFile(found: Found): AsyncGenerator<Uint8Array> {
  const { size } = found.stats;
  yield tarHeader({ ...entryOf(found, "file"), sizeBytes: size });
  let left = size;
  if (size > 0) {
    await using file = await open(
      found.place,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    ).catch(wasReplaced);
    if (file !== undefined && (await isSame(file.fd, await file.stat(), found))) {
      for await (const chunk of file.createReadStream({
        highWaterMark: MiB,
        end: size - 1,
        autoClose: false,
      })) {
        left -= (chunk as Buffer).length;
        yield chunk as Buffer;
      }
    }
  }
  while (left > 0) {
    const zeros = Buffer.alloc(Math.min(left, MiB));
    left -= zeros.length;
    yield zeros;
  }
  yield tarPadding(size);
}

function wasReplaced(error: unknown): undefined {
  if (!["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(errno(error) ?? "")) throw error;
}

async function isSame(fd: number, now: Stats, { stats, place, root }: Found): Promise<boolean> {
  if (!now.isFile() || now.ino !== stats.ino || now.dev !== stats.dev) return false;
  const real = await readlink(`/proc/self/fd/${fd}`);
  return real === place || real === path.join(await realpath(root), path.relative(root, place));
}

function entryOf({ place, name, stats, mtimeNano }: Found, type: TarEntry["type"]): TarEntry {
  const xattrs = new Map<string, Buffer>();
  if (!stats.isSymbolicLink()) {
    for (const attribute of listXattrs(place)) {
      if (
        attribute.startsWith("trusted.overlay.") ||
        attribute === "system.posix_acl_access" ||
        attribute === "system.posix_acl_default"
      )
        continue;
      const value = getXattr(place, attribute);
      if (value !== undefined) xattrs.set(attribute, Buffer.from(value));
    }
  }
  return {
    name,
    type,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    sizeBytes: type === "file" ? stats.size : 0,
    modifiedNano: mtimeNano,
    linkName: "",
    ...deviceNumbers(stats.rdev),
    xattrs,
  };
}

/** What `upper` changes against `lowers`, sorted by path. A directory that only passes changes through counts as modified, as Docker shows it. */
export async function changesOf(
  upper: string,
  lowers: readonly string[],
  signal: AbortSignal,
): Promise<readonly Change[]> {
  const changes: Change[] = [];
  for await (const { name, stats, place } of walk(upper)) {
    signal.throwIfAborted();
    if (stats.isDirectory() && isOpaque(place))
      for (const hidden of await namesBelow(lowers, name))
        if (!(await isIn(place, hidden))) changes.push({ kind: "deleted", path: `/${name}/${hidden}` });
    const isBelow = await existsBelow(lowers, name);
    if (isWhiteout(stats)) changes.push({ kind: "deleted", path: `/${name}` });
    else changes.push({ kind: isBelow ? "modified" : "added", path: `/${name}` });
  }
  return changes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** What the folder `name` holds in the layers together: what an opaque folder above it hides. */
async function namesBelow(lowers: readonly string[], name: string): Promise<readonly string[]> {
  const seen = new Map<string, boolean>();
  for (const lower of lowers) {
    const folder = path.join(lower, name);
    try {
      if (!(await lstat(folder)).isDirectory()) break;
      for (const inner of await readdir(folder))
        if (!seen.has(inner)) seen.set(inner, !isWhiteout(await lstat(path.join(folder, inner))));
      if (isOpaque(folder)) break;
    } catch (error) {
      if (errno(error) === "ENOTDIR") break;
      if (errno(error) !== "ENOENT") throw error;
    }
  }
  return [...seen].filter(([, isVisible]) => isVisible).map(([inner]) => inner);
}

async function isIn(folder: string, name: string): Promise<boolean> {
  try {
    await lstat(path.join(folder, name));
    return true;
  } catch (error) {
    if (errno(error) === "ENOENT") return false;
    throw error;
  }
}

async function existsBelow(lowers: readonly string[], name: string): Promise<boolean> {
  for (const lower of lowers) {
    try {
      return !isWhiteout(await lstat(path.join(lower, name)));
    } catch (error) {
      if (errno(error) !== "ENOENT" && errno(error) !== "ENOTDIR") throw error;
    }
  }
  return false;
}
