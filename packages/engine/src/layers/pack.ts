import { constants } from "node:fs";
import { open, readlink } from "node:fs/promises";
import path from "node:path";
import { deviceNumbers, getXattr, listXattrs } from "#host";
import { errno, MiB, nameOf, pathOf } from "#kernel";
import { TAR_END, type TarEntry, tarHeader, tarPadding } from "#spec";
import { isOpaque, isWhiteout } from "./merged.ts";
import { type Found, walk, wasReplaced } from "./walk.ts";

/** An upper directory as a layer tar: overlay's whiteouts become `.wh.` names. Source: OCI image spec, layer. */
export async function* packDiff(root: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const links = new Map<string, string>();
  for await (const found of walk(root)) {
    signal.throwIfAborted();
    const { stats, name, place } = found;
    if (stats.isSocket()) continue;
    if (isWhiteout(stats)) {
      const { dir, base } = path.posix.parse(name);
      yield marker(found, path.posix.join(dir, `.wh.${base}`));
      continue;
    }
    const key = stats.nlink > 1n && !stats.isDirectory() ? `${stats.dev}:${stats.ino}` : undefined;
    const first = key === undefined ? undefined : links.get(key);
    if (first !== undefined) {
      yield tarHeader({ ...entryOf(found, "hardlink"), linkName: first });
      continue;
    }
    if (key !== undefined) links.set(key, name);
    if (stats.isDirectory()) {
      yield tarHeader({ ...entryOf(found, "directory"), name: `${name}/` });
      if (isOpaque(place)) yield marker(found, `${name}/.wh..wh..opq`);
    } else if (stats.isSymbolicLink()) {
      const target = await readlink(pathOf(place), "buffer").catch(wasNoLink);
      if (target !== undefined) yield tarHeader({ ...entryOf(found, "symlink"), linkName: nameOf(target) });
    } else if (stats.isFile()) yield* packFile(found);
    else
      yield tarHeader(
        entryOf(found, stats.isFIFO() ? "fifo" : stats.isBlockDevice() ? "block" : "character"),
      );
  }
  yield TAR_END;
}

function marker(found: Found, name: string): Buffer {
  return tarHeader({ ...entryOf(found, "file"), name, sizeBytes: 0, mode: 0, xattrs: new Map() });
}

function wasNoLink(error: unknown): undefined {
  if (errno(error) !== "EINVAL") wasReplaced(error);
}

/** Exactly the size that the header promised, also when the file grows, shrinks or is replaced meanwhile: zeros fill it up. */
async function* packFile(found: Found): AsyncGenerator<Uint8Array> {
  const size = Number(found.stats.size);
  yield tarHeader({ ...entryOf(found, "file"), sizeBytes: size });
  let left = size;
  if (size > 0) {
    await using file = await open(
      pathOf(found.place),
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    ).catch(wasReplaced);
    if (file !== undefined && (await file.stat()).isFile()) {
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

/** Of the extended attributes what Docker keeps, too: file capabilities and the user's own. */
function entryOf({ place, name, stats }: Found, type: TarEntry["type"]): TarEntry {
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
    type,
    mode: Number(stats.mode) & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    sizeBytes: type === "file" ? Number(stats.size) : 0,
    modifiedNano: stats.mtimeNs,
    linkName: "",
    ...deviceNumbers(Number(stats.rdev)),
    xattrs,
  };
}
