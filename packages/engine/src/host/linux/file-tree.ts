import { lstat, opendir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { errno, randomId } from "#kernel";
import { runCommand } from "./run-command.ts";

/** Half of PATH_MAX leaves room for what rm() adds. */
const LONG_PATH_BYTES = 2048;

/**
 * Removes a tree that nobody writes to, however deep: a container may nest folders deeper than a path can name. Absent is success.
 * What is too deep is moved up beside `place` first, as `PLACE.RANDOM`. Source: path_resolution(7), PATH_MAX.
 */
export async function removeTree(place: string): Promise<void> {
  for (const left = [place]; left.length > 0;) {
    const next = left.at(-1) ?? place;
    try {
      await rm(next, { recursive: true, force: true, maxRetries: 2 });
      left.pop();
    } catch (error) {
      if (errno(error) !== "ENAMETOOLONG") throw error;
      for await (const deep of deepFolders(next)) {
        const aside = `${place}.${randomId().slice(0, 16)}`;
        await rename(deep, aside);
        left.push(aside);
      }
    }
  }
}

/** Folders whose paths are about to be too long; nothing below them. */
async function* deepFolders(place: string): AsyncGenerator<string> {
  for (const entry of await readdir(place, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const inner = `${place}/${entry.name}`;
    if (Buffer.byteLength(inner) > LONG_PATH_BYTES) yield inner;
    else yield* deepFolders(inner);
  }
}

/** Copies what is in `source` into the folder `target`, and its own owner, mode and times onto `target`: owners, modes, times, xattrs, devices and hard links stay; symlinks are copied, not followed. */
export async function copyTree(source: string, target: string, signal: AbortSignal): Promise<void> {
  await runCommand(
    {
      name: "cp",
      given: ["-a", "--reflink=auto", "--", `${source}/.`, target],
      package: "coreutils",
    },
    signal,
  );
}

/**
 * Bytes of what is under `folder`: `sizeBytes` as the files name them, `diskBytes` as blocks, folders and `folder` itself included.
 * Hard links count once; symlinks are not followed, other file systems not entered.
 */
export async function treeBytes(
  folder: string,
  signal: AbortSignal,
): Promise<{ readonly sizeBytes: number; readonly diskBytes: number }> {
  const top = await lstat(folder, { bigint: true });
  const seen = new Set<bigint>();
  let sizeBytes = 0n;
  let blocks = top.blocks;
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal.throwIfAborted();
    try {
      for await (const entry of await opendir(next)) {
        const file = path.join(next, entry.name);
        const stat = await lstat(file, { bigint: true });
        if (stat.dev !== top.dev || seen.has(stat.ino)) continue;
        if (stat.nlink > 1n && !stat.isDirectory()) seen.add(stat.ino);
        blocks += stat.blocks;
        if (stat.isDirectory()) waiting.push(file);
        else sizeBytes += stat.size;
      }
    } catch (error) {
      // Somebody writes there: what vanishes meanwhile no longer counts.
      if (errno(error) !== "ENOENT") throw error;
    }
  }
  return { sizeBytes: Number(sizeBytes), diskBytes: Number(blocks) * BLOCK_BYTES };
}

/** The unit of st_blocks on Linux, whatever the file system's own is. Source: inode(7). */
export const BLOCK_BYTES = 512;
