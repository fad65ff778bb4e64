import { constants } from "node:fs";
import { lstat, open, readlink } from "node:fs/promises";
import path from "node:path";
import { errno } from "#kernel";
import type { OverlayMount } from "#layers";

const LIMIT_BYTES = 4 * 1024 * 1024;
const MAX_LINKS = 20;

/**
 * Reads a small text file of a root that is not mounted, through its layers, topmost first. Symlinks are resolved inside the root.
 * Absent, whited out or not regular = empty text.
 */
export async function readRootFile(root: OverlayMount, file: string): Promise<string> {
  const layers = [...(root.upper === undefined ? [] : [root.upper]), ...root.lowers];
  let parts = file.split("/").filter((part) => part !== "");
  let resolved = "";
  for (let links = 0; parts.length > 0;) {
    const [part = "", ...rest] = parts;
    if (part === "..") {
      resolved = path.posix.dirname(resolved || "/").replace(/^\/$/, "");
      parts = rest;
      continue;
    }
    const next = `${resolved}/${part}`;
    const found = await topmost(layers, next);
    if (found === undefined) return "";
    if (found.isSymlink) {
      if (++links > MAX_LINKS) return "";
      const target = await readlink(found.place);
      if (target.startsWith("/")) resolved = "";
      parts = [...target.split("/").filter((piece) => piece !== "" && piece !== "."), ...rest];
      continue;
    }
    resolved = next;
    parts = rest;
    if (parts.length === 0) return await readText(found.place);
  }
  return "";
}

/** The topmost layer's entry for `place`, stopping where a whiteout hides it. Parents above it are opaque only in theory: passwd and group. */
async function topmost(
  layers: readonly string[],
  place: string,
): Promise<{ place: string; isSymlink: boolean } | undefined> {
  for (const layer of layers) {
    try {
      const stat = await lstat(layer + place);
      if (stat.isCharacterDevice() && stat.rdev === 0) return undefined;
      return { place: layer + place, isSymlink: stat.isSymbolicLink() };
    } catch (error) {
      if (errno(error) !== "ENOENT" && errno(error) !== "ENOTDIR") throw error;
    }
  }
  return undefined;
}

async function readText(place: string): Promise<string> {
  await using file = await open(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const stat = await file.stat();
  if (!stat.isFile() || stat.size > LIMIT_BYTES) return "";
  return await file.readFile("utf8");
}
