import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { makeWhiteout, mountOverlay, setXattr, unmount } from "#host";
import { LongshoreError, messageOf, randomId } from "#kernel";
import { OPAQUE_XATTR } from "./merged.ts";

/**
 * Tries what containers will need: a writable overlay whose directories are below `dataRoot`. Throws `unavailable` that names the folder:
 * better at the engine's start than at the first container's. Source: Linux overlayfs documentation, upper file systems.
 */
export function probeOverlay(dataRoot: string): void {
  const place = path.join(dataRoot, "tmp", `probe-${randomId().slice(0, 16)}`);
  const [lower, upper, work, target] = ["lower", "upper", "work", "target"].map((name) =>
    path.join(place, name),
  ) as [string, string, string, string];
  try {
    for (const folder of [lower, upper, work, target]) mkdirSync(folder, { recursive: true });
    makeWhiteout(path.join(upper, "gone"));
    setXattr(upper, OPAQUE_XATTR, Buffer.from("y"));
    mountOverlay({ lowers: [lower], upper, work }, target);
    unmount(target);
  } catch (error) {
    throw new LongshoreError(
      "unavailable",
      `data root ${JSON.stringify(dataRoot)} cannot hold containers' writable layers: ${messageOf(error)}; want a local file system that overlayfs can write to (ext4, xfs, btrfs)`,
      { cause: error },
    );
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}
