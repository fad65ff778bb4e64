import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { isKind, LongshoreError, messageOf } from "#kernel";
import type { Digest } from "#spec";
import type { Ended } from "./container-book.ts";
import { type Context, directoryOf, logDirectoryOf, publish } from "./context.ts";
import type { Container } from "./contract.ts";
import { shmFolder } from "./namespaces.ts";

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 60_000;

/** A clean-up that failed is tried again with back-off, until it, a start or a removal has succeeded. So does every engine start. */
export function tryAgainLater(
  context: Context,
  id: string,
  cleanUp: () => Promise<void>,
  error: unknown,
): void {
  context.log.error("container clean-up failed, it is tried again", { container: id, error });
  const live = context.book.live(id);
  live.isUnclean = true;
  context.tasks.run("clean up again", async (signal) => {
    for (let waitMs = FIRST_WAIT_MS; live.isUnclean; waitMs = Math.min(waitMs * 2, MAX_WAIT_MS)) {
      await context.clock.sleep(waitMs, signal);
      await using _ = await context.locks.hold(id, signal);
      if (!live.isUnclean) return;
      try {
        await cleanUp();
        live.isUnclean = false;
      } catch (again) {
        context.log.warn("container clean-up failed again", { container: id, error: messageOf(again) });
      }
    }
  });
}

/** Gives back what a run held. Every step is idempotent: the next engine start finishes what a crash interrupted. */
export async function release(context: Context, container: Container): Promise<void> {
  await leave(context, container);
  await clear(context, container);
}

/** What others see of a run: its networks and its volumes. */
export async function leave(context: Context, container: Container): Promise<void> {
  await context.networks.close(container.id);
  await releaseVolumes(context, container);
}

async function releaseVolumes({ volumes }: Context, { id, mounts }: Container): Promise<void> {
  for (const { type, name } of mounts)
    if (type === "volume" && name !== undefined) await volumes.release(name, id);
}

/** The rest of a run; of a container that is removed its files too. */
export async function clear(context: Context, container: Container): Promise<void> {
  await context.runtime.release(container.id);
  if (container.host.IpcMode === "shareable")
    await context.facts.unmountShm(shmFolder(context, container.id));
  const { execs } = context.book.live(container.id);
  // Who waits for one that ran still asks for its exit code.
  for (const [id, exec] of execs) if (exec.starting === undefined) context.book.execs.delete(id);
  execs.clear();
  if (!context.book.isKnown(container.id)) await dropFiles(context, container);
}

/** Its snapshot, log and files, for good, and layers that nothing but its snapshot kept. */
export async function dropFiles(
  context: Context,
  { id, imageId }: Pick<Container, "id" | "imageId">,
): Promise<void> {
  if (existsSync(path.join(context.stateRoot, "containers", id))) {
    // A run whose clean-up was interrupted: finished here.
    await context.networks.close(id);
    await context.runtime.release(id);
  }
  const top = topOf(context, id);
  await context.layers.removeSnapshot(id);
  if (top !== undefined) await context.images.dropLayers(imageId, top);
  await context.logs.endShipment(logDirectoryOf(context, id));
  await context.logs.remove(logDirectoryOf(context, id));
  await rm(directoryOf(context, id), { recursive: true, force: true });
  context.book.live(id).isUnclean = false;
  context.book.forget(id);
}

function topOf({ layers }: Context, id: string): Digest | undefined {
  try {
    return layers.snapshotParent(id);
  } catch (error) {
    // A first try came as far as this.
    if (isKind(error, "not_found")) return undefined;
    throw error;
  }
}

/**
 * Removes the record (durable), frees the name. Files follow: at once when nothing runs, else by the clean-up.
 * After a crash between the two the next start drops what no record names.
 */
export async function forget(context: Context, container: Container): Promise<void> {
  const live = context.book.live(container.id);
  live.restart?.abort(new Error("container is removed"));
  await context.book.remove(container);
  context.volumes.unreference(container.id);
}

/** Tells waiters of a removal, as soon as nothing is left that they could see: anonymous volumes are gone, when they go along. */
export async function tellRemoved(
  context: Context,
  container: Container,
  ended: Ended,
  hasVolumes: boolean,
): Promise<void> {
  const { removed } = context.book.live(container.id);
  try {
    if (!hasVolumes) return;
    await releaseVolumes(context, container);
    await removeAnonymousVolumes(context, container);
  } finally {
    removed.resolve(ended);
  }
}

/** All of a container that nothing runs of. */
export async function removeStopped(
  context: Context,
  container: Container,
  hasVolumes: boolean,
): Promise<void> {
  await forget(context, container);
  await tellRemoved(context, container, { code: container.state.exitCode }, hasVolumes);
  try {
    await dropFiles(context, container);
  } catch (error) {
    // The record is gone, so for everybody the container is removed: what is left is ours to clear.
    tryAgainLater(context, container.id, () => dropFiles(context, container), error);
  }
  publish(context, container, "destroy");
}

async function removeAnonymousVolumes(context: Context, container: Container): Promise<void> {
  for (const point of container.mounts) {
    const volume = context.volumes.list().find((candidate) => candidate.name === point.name);
    if (volume?.isAnonymous !== true || context.volumes.usedBy(volume.name).length > 0) continue;
    try {
      await context.volumes.remove(volume.name, { isForced: false });
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      context.log.warn("anonymous volume was not removed", { volume: volume.name, error: error.message });
    }
  }
}
