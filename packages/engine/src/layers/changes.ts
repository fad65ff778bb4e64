import { readdir } from "node:fs/promises";
import { nameOf } from "#kernel";
import type { Change } from "./contract.ts";
import { isOpaque, isWhiteout, namesIn } from "./merged.ts";
import { type Folder, type Found, into, openFolder } from "./walk.ts";

/**
 * What an upper directory changes in the layers below it, sorted by path. As dockerd has it: a folder counts as modified when its mode or
 * time differs or something in it does. Source: Docker Engine API, ContainerChanges.
 */
export async function changesOf(
  upper: string,
  lowers: readonly string[],
  signal: AbortSignal,
): Promise<readonly Change[]> {
  await using folder = await openFolder(upper, "", lowers);
  if (folder === undefined) return [];
  const changes = await changesIn(folder, false, signal);
  return changes.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** `isHiding`: the folder or one above it is opaque. */
async function changesIn(folder: Folder, isHiding: boolean, signal: AbortSignal): Promise<Change[]> {
  const changes: Change[] = [];
  for await (const found of folder.entries) {
    signal.throwIfAborted();
    const path = `/${found.name}`;
    if (isWhiteout(found.stats)) changes.push({ kind: "deleted", path });
    else if (!found.stats.isDirectory())
      changes.push({ kind: found.below === undefined ? "added" : "modified", path });
    else {
      const inner = await changesBelow(found, isHiding, signal);
      if (inner.length > 0 || !isSameFolder(found))
        changes.push({ kind: found.below === undefined ? "added" : "modified", path }, ...inner);
    }
  }
  return changes;
}

async function changesBelow(found: Found, isHidden: boolean, signal: AbortSignal): Promise<Change[]> {
  await using folder = await into(found);
  if (folder === undefined) return [];
  const isHiding = isHidden || isOpaque(found.place);
  const changes = await changesIn(folder, isHiding, signal);
  if (!isHiding) return changes;
  const here = new Set((await readdir(folder.place, "buffer")).map(nameOf));
  for (const hidden of await namesIn(folder.lowers))
    if (!here.has(hidden)) changes.push({ kind: "deleted", path: `/${found.name}/${hidden}` });
  return changes;
}

function isSameFolder({ stats, below }: Found): boolean {
  return (
    below?.stats.isDirectory() === true &&
    BigInt(below.stats.mode) === stats.mode &&
    BigInt(below.stats.uid) === stats.uid &&
    BigInt(below.stats.gid) === stats.gid &&
    // Milliseconds: the kernel's copy-up keeps the time to the nanosecond, a number doesn't.
    Math.trunc(below.stats.mtimeMs) === Number(stats.mtimeNs / 1_000_000n)
  );
}
