import { lstat, opendir } from "node:fs/promises";
import path from "node:path";
import { errno } from "#kernel";

/** Bytes of the files under `folder`, hard links counted once; symlinks are not followed, other file systems not entered. */
export async function folderBytes(folder: string, signal: AbortSignal): Promise<number> {
  const top = await lstat(folder, { bigint: true });
  const seen = new Set<bigint>();
  let bytes = 0n;
  const waiting = [folder];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    signal.throwIfAborted();
    try {
      for await (const entry of await opendir(next)) {
        const file = path.join(next, entry.name);
        const stat = await lstat(file, { bigint: true });
        if (stat.dev !== top.dev || seen.has(stat.ino)) continue;
        if (stat.nlink > 1n && !stat.isDirectory()) seen.add(stat.ino);
        if (stat.isDirectory()) waiting.push(file);
        else bytes += stat.size;
      }
    } catch (error) {
      // The volume is in use: what vanishes meanwhile no longer counts.
      if (errno(error) !== "ENOENT") throw error;
    }
  }
  return Number(bytes);
}
