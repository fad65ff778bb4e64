import { closeSync, constants, fstatSync, openSync, readFileSync, readlinkSync, realpathSync } from "node:fs";
import { look, type OverlayMount } from "#layers";

const LIMIT_BYTES = 4 * 1024 * 1024;
const MAX_LINKS = 20;

/**
 * Reads a small text file of a root that is not mounted, through its layers as overlay merges them. Symlinks are resolved inside the root.
 * Absent, whited out or not regular = empty text. Synchronous: a few system calls on files that the kernel has at hand.
 */
export function readRootFile(root: OverlayMount, file: string): string {
  const folders: (readonly string[])[] = [
    [...(root.upper === undefined ? [] : [root.upper]), ...root.lowers],
  ];
  let parts = file.split("/").filter((part) => part !== "");
  for (let links = 0; parts.length > 0;) {
    const [part = "", ...rest] = parts;
    parts = rest;
    if (part === "..") {
      if (folders.length > 1) folders.pop();
      continue;
    }
    const seen = look(folders.at(-1) ?? [], part);
    if (seen === undefined) return "";
    if (seen.stats.isSymbolicLink()) {
      if (++links > MAX_LINKS) return "";
      const target = readlinkSync(seen.place);
      if (target.startsWith("/")) folders.splice(1);
      parts = [...target.split("/").filter((piece) => piece !== "" && piece !== "."), ...rest];
    } else if (rest.length > 0) folders.push(seen.folders);
    else return seen.stats.isFile() ? readText(seen.place, root.upper) : "";
  }
  return "";
}

function readText(place: string, upper: string | undefined): string {
  const file = openSync(place, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(file);
    if (!stat.isFile() || stat.size > LIMIT_BYTES) return "";
    // A running container may have put a link in the place of a folder: what opened must lie where it was found.
    if (upper !== undefined && place.startsWith(`${upper}/`)) {
      const real = readlinkSync(`/proc/self/fd/${file}`);
      if (real !== realpathSync(upper) + place.slice(upper.length)) return "";
    }
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}
