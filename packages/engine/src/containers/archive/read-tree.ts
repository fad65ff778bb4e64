import {
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type BigIntStats,
  constants,
} from "node:fs";
import path from "node:path";
import { deviceNumbers, getXattr, listXattrs } from "#host";
import { errno, LongshoreError, nameOf, pathOf } from "#kernel";
import { TAR_END, type TarEntry, tarHeader, tarPadding } from "#spec";
import type { PathStat } from "../contract.ts";

const PIECE_BYTES = 1024 * 1024;
const MAX_LINKS = 40;

/** Go's os.FileMode bits, which X-Docker-Container-Path-Stat carries. Source: Go io/fs. */
export function goFileMode(stats: BigIntStats): number {
  const unix = Number(stats.mode);
  let mode = unix & 0o777;
  if (stats.isDirectory()) mode += 2 ** 31;
  if (stats.isSymbolicLink()) mode += 2 ** 27;
  if (stats.isBlockDevice()) mode += 2 ** 26;
  if (stats.isCharacterDevice()) mode += 2 ** 26 + 2 ** 21;
  if (stats.isFIFO()) mode += 2 ** 25;
  if (stats.isSocket()) mode += 2 ** 24;
  if (unix & 0o4000) mode += 2 ** 23;
  if (unix & 0o2000) mode += 2 ** 22;
  if (unix & 0o1000) mode += 2 ** 20;
  return mode;
}

/** Stat of one path of the current root; a link is not followed. Throws `not_found` in Docker's words. */
export function statOf(wanted: string): PathStat {
  const place = path.posix.normalize(`/${wanted}`).replace(/(.)\/$/, "$1");
  const isFollowed = /\/\.?$/.test(wanted);
  const stats = statAt(isFollowed ? resolveLink(place) : place, wanted);
  if (isFollowed && !stats.isDirectory()) throw notFound(wanted);
  return {
    name: path.posix.basename(place) || "/",
    size: Number(stats.size),
    mode: goFileMode(stats),
    mtime: new Date(Number(stats.mtimeNs / 1_000_000n)).toISOString(),
    linkTarget: stats.isSymbolicLink() ? resolveLink(place) : "",
  };
}

function statAt(place: string, wanted: string): BigIntStats {
  try {
    return lstatSync(pathOf(place), { bigint: true });
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") throw notFound(wanted, error);
    throw error;
  }
}

const notFound = (wanted: string, cause?: unknown): LongshoreError =>
  new LongshoreError("not_found", `Could not find the file ${wanted} in container`, { cause });

/** Absolute place that a link leads to inside this root; the last one when it dangles. */
export function resolveLink(place: string): string {
  let current = place;
  for (let links = 0; links < MAX_LINKS; links++) {
    let target: string;
    try {
      target = nameOf(readlinkSync(pathOf(current), "buffer"));
    } catch {
      return current;
    }
    current = path.posix.resolve(path.posix.dirname(current), target);
  }
  throw new LongshoreError("invalid", `too many symbolic links at ${JSON.stringify(place)}`);
}

/** Tar pieces of a path: `/d` gives `d/...`, `/d/.` gives `./...`. */
export function* readTree(wanted: string): Generator<Buffer> {
  const place = path.posix.normalize(`/${wanted}`).replace(/(.)\/$/, "$1");
  const isContents = wanted.endsWith("/.") || place === "/";
  const start = /\/\.?$/.test(wanted) ? resolveLink(place) : place;
  yield* member(start, isContents ? "." : path.posix.basename(place), new Map());
  yield TAR_END;
}

/** The whole root without a leading directory, for docker export. */
export function* exportTree(): Generator<Buffer> {
  const links = new Map<string, string>();
  for (const name of namesIn("/")) yield* member(`/${name}`, name, links);
  yield TAR_END;
}

const namesIn = (folder: string): readonly string[] =>
  readdirSync(pathOf(folder), "buffer").map(nameOf).toSorted();

function* member(place: string, name: string, links: Map<string, string>): Generator<Buffer> {
  const stats = lstatSync(pathOf(place), { bigint: true, throwIfNoEntry: false });
  if (stats === undefined || stats.isSocket()) return;
  const base = entryOf(place, name, stats);
  const key = stats.nlink > 1n && !stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
  const first = key === undefined ? undefined : links.get(key);
  if (first !== undefined) {
    yield tarHeader({ ...base, type: "hardlink", linkName: first });
    return;
  }
  if (key !== undefined) links.set(key, name);
  if (stats.isDirectory()) {
    yield tarHeader({ ...base, type: "directory", name: `${name}/` });
    // What is mounted by the runtime is no file of the container: a live /proc never ends.
    if (isPseudo(place, stats)) return;
    for (const child of namesIn(place))
      yield* member(place === "/" ? `/${child}` : `${place}/${child}`, `${name}/${child}`, links);
  } else if (stats.isSymbolicLink())
    yield tarHeader({ ...base, type: "symlink", linkName: nameOf(readlinkSync(pathOf(place), "buffer")) });
  else if (stats.isFile()) yield* fileMember(place, base, Number(stats.size));
  else
    yield tarHeader({
      ...base,
      type: stats.isFIFO() ? "fifo" : stats.isBlockDevice() ? "block" : "character",
    });
}

const isPseudo = (place: string, stats: BigIntStats): boolean =>
  (place === "/proc" || place === "/sys") && stats.dev !== lstatSync("/", { bigint: true }).dev;

function* fileMember(place: string, base: TarEntry, size: number): Generator<Buffer> {
  const fd = openSync(pathOf(place), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    yield tarHeader({ ...base, type: "file", sizeBytes: size });
    for (let left = size; left > 0;) {
      const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, left));
      const got = readSync(fd, piece, 0, piece.length, null);
      // A file that shrank is filled up with zeros to the promised size.
      const bytes = got === 0 ? piece.fill(0) : piece.subarray(0, got);
      left -= bytes.length;
      yield bytes;
    }
    yield tarPadding(size);
  } finally {
    closeSync(fd);
  }
}

function entryOf(place: string, name: string, stats: BigIntStats): TarEntry {
  const xattrs = new Map<string, Buffer>();
  if (!stats.isSymbolicLink()) {
    for (const attribute of listXattrs(place)) {
      if (!attribute.startsWith("user.") && attribute !== "security.capability") continue;
      const value = getXattr(place, attribute);
      if (value !== undefined) xattrs.set(attribute, Buffer.from(value));
    }
  }
  return {
    name,
    type: "file",
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    sizeBytes: 0,
    modifiedNano: stats.mtimeNs,
    linkName: "",
    ...deviceNumbers(Number(stats.rdev)),
    xattrs,
  };
}
