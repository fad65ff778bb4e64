import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readdir, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { getXattr, listXattrs, setTimes, setXattr } from "#host";
import { errno, randomId } from "#kernel";
import { lookPath, OPAQUE_XATTR } from "./merged.ts";

/** Parents first. */
const FOLDERS = ["dev", "dev/pts", "dev/shm", "etc", "proc", "sys"] as const;
const FILES = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"] as const;
const LINKS = { "etc/mtab": "/proc/mounts" } as const;

/** A folder as the image has it; `undefined` attributes: the image has none there, or something else that must not shine through. */
interface FolderShape {
  readonly name: string;
  readonly isInImage: boolean;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedNano: string;
  readonly xattrs: readonly (readonly [name: string, hex: string])[];
}

/**
 * Layers between an image and a container's writable one: they hold the mount points that every start needs, so that a start changes nothing
 * and `docker diff` and `docker commit` don't show them. One lies at `init/KEY`; KEY comes from the image's own folders there, so nearly all
 * images share one. Source: Docker Engine, the init layer of its graph drivers.
 */
export class InitLayers {
  readonly #root: string;

  constructor(dataRoot: string) {
    this.#root = dataRoot;
  }

  /** Removes those that `isNeeded` denies. */
  async open(isNeeded: (key: string) => boolean): Promise<void> {
    await mkdir(path.join(this.#root, "init"), { recursive: true, mode: 0o710 });
    for (const key of await readdir(path.join(this.#root, "init")))
      if (!isNeeded(key)) await rm(path.join(this.#root, "init", key), { recursive: true, force: true });
  }

  folder(key: string): string {
    return path.join(this.#root, "init", key);
  }

  /** The key of the init layer over `lowers`; it exists when this returns. */
  async need(lowers: readonly string[]): Promise<string> {
    const shapes = await Promise.all(FOLDERS.map((name) => shapeOf(lowers, name)));
    const key = createHash("sha256").update(JSON.stringify(shapes)).digest("hex").slice(0, 32);
    try {
      await stat(this.folder(key));
    } catch (error) {
      if (errno(error) !== "ENOENT") throw error;
      await this.#make(key, shapes);
    }
    return key;
  }

  /** Empty files and folders only: a file system's journal keeps their making before the rename, without a sync of our own. */
  async #make(key: string, shapes: readonly FolderShape[]): Promise<void> {
    const draft = path.join(this.#root, "tmp", `init-${randomId().slice(0, 16)}`);
    try {
      await mkdir(draft, { mode: 0o755 });
      for (const { name } of shapes) await mkdir(path.join(draft, name));
      for (const name of FILES) {
        await writeFile(path.join(draft, name), "");
        await chmod(path.join(draft, name), 0o755);
      }
      for (const [name, target] of Object.entries(LINKS)) await symlink(target, path.join(draft, name));
      // Times last, children first: writing into a folder changes them.
      for (const shape of shapes.toReversed()) await applyShape(path.join(draft, shape.name), shape);
      await chmod(draft, 0o755);
      await rename(draft, this.folder(key));
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      // Another container made the same one first.
      if (errno(error) !== "ENOTEMPTY" && errno(error) !== "EEXIST") throw error;
    }
  }
}

async function shapeOf(lowers: readonly string[], name: string): Promise<FolderShape> {
  const seen = lookPath(lowers, name);
  if (seen?.stats.isDirectory() !== true)
    return { name, isInImage: false, mode: 0o755, uid: 0, gid: 0, modifiedNano: "0", xattrs: [] };
  const xattrs = listXattrs(seen.place)
    .filter((attribute) => !attribute.startsWith("trusted.overlay."))
    .toSorted()
    .map((attribute) => [attribute, getXattr(seen.place, attribute)?.toString("hex") ?? ""] as const);
  const { mode, uid, gid, mtimeMs } = seen.stats;
  const modifiedNano = String(BigInt(Math.trunc(mtimeMs)) * 1_000_000n);
  return { name, isInImage: true, mode: mode & 0o7777, uid, gid, modifiedNano, xattrs };
}

async function applyShape(place: string, shape: FolderShape): Promise<void> {
  await chown(place, shape.uid, shape.gid);
  await chmod(place, shape.mode);
  for (const [name, hex] of shape.xattrs) setXattr(place, name, Buffer.from(hex, "hex"));
  if (shape.isInImage) setTimes(place, BigInt(shape.modifiedNano));
  else setXattr(place, OPAQUE_XATTR, Buffer.from("y"));
}
