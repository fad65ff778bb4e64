import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import path from "node:path";
import { LongshoreError, messageOf, rfc3339Nano } from "#kernel";
import type { ExitStatus, Task } from "#runtime";
import type { Ended } from "./container-book.ts";
import { type Context, directoryOf, publish } from "./context.ts";
import type { Container } from "./contract.ts";
import { startLocked } from "./start.ts";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 60_000;
/** A run at least this long resets the back-off. */
const STEADY_MS = 10_000;

/** Follows a task to its end in the background; the end is handled exactly once. */
export function watchExit(context: Context, id: string, task: Task): void {
  context.tasks.run("watch exit", async (signal) => {
    const stopped = new Promise<undefined>((resolve) =>
      signal.addEventListener("abort", () => resolve(undefined), { once: true }),
    );
    const status = await Promise.race([task.exited, stopped]);
    if (status !== undefined) await handleExit(context, id, task, status);
  });
}

/** State first (waiters learn of it at once), then the clean-up, then removal or the next start. */
export async function handleExit(
  context: Context,
  id: string,
  task: Task,
  status: ExitStatus,
): Promise<void> {
  const container = context.book.byId(id);
  const live = context.book.live(id);
  live.task = undefined;
  if (container === undefined) {
    await context.runtime.release(id);
    return;
  }
  const finished = rfc3339Nano(status.atNano);
  const restart = nextRestart(container, status, task, live.isStopping);
  const durable = context.book.changeState(id, {
    status: restart === undefined ? "exited" : "restarting",
    pid: 0,
    exitCode: status.code,
    isOomKilled: status.isOomKilled,
    finishedAt: finished,
  });
  if (status.isOomKilled) publish(context, container, "oom");
  publish(context, container, "die", {
    exitCode: String(status.code),
    execDuration: String(Number((status.atNano - task.startedAtNano) / 1_000_000_000n)),
  });
  const ended: Ended = { code: status.code };
  const cleaned = Promise.withResolvers<void>();
  live.settled = cleaned.promise;
  const { nextExit } = live;
  live.nextExit = Promise.withResolvers<Ended>();
  live.nextExit.promise.catch(() => {});
  nextExit.resolve(ended);
  try {
    await durable;
    if (container.host.AutoRemove && restart === undefined) await forget(context, container, ended, true);
    await release(context, container);
  } catch (error) {
    context.log.error("container clean-up failed", { container: id, error });
  } finally {
    cleaned.resolve();
  }
  if (restart !== undefined) scheduleRestart(context, id, restart.waitMs);
}

/** Gives back what a run held. Every step is idempotent: the next engine start finishes what a crash interrupted. */
async function release(context: Context, container: Container): Promise<void> {
  await context.networks.close(container.id);
  await context.runtime.release(container.id);
  for (const point of container.mounts)
    if (point.type === "volume" && point.name !== undefined)
      await context.volumes.release(point.name, container.id);
  for (const exec of context.book.live(container.id).execs.keys()) context.book.execs.delete(exec);
  if (context.book.byId(container.id) === undefined) await dropFiles(context, container.id);
}

async function dropFiles(context: Context, id: string): Promise<void> {
  if (existsSync(path.join(context.stateRoot, "containers", id))) {
    // A run whose clean-up was interrupted: finished here.
    await context.networks.close(id);
    await context.runtime.release(id);
  }
  await context.layers.removeSnapshot(id);
  await context.logs.remove(directoryOf(context, id));
  await rm(directoryOf(context, id), { recursive: true, force: true });
  context.book.forget(id);
}

/**
 * Removes the record (durable), frees the name, tells waiters. Files follow: at once when nothing runs, else by the clean-up.
 * After a crash between the two the next start drops what no record names.
 */
export async function forget(
  context: Context,
  container: Container,
  ended: Ended,
  isCleanupToCome: boolean,
): Promise<void> {
  const live = context.book.live(container.id);
  live.restart?.abort(new Error("container is removed"));
  await context.book.remove(container);
  context.volumes.unreference(container.id);
  publish(context, container, "destroy");
  live.removed.resolve(ended);
  if (isCleanupToCome) {
    for (const point of container.mounts)
      if (point.type === "volume" && point.name !== undefined)
        await context.volumes.release(point.name, container.id);
    if (container.host.AutoRemove) await removeAnonymousVolumes(context, container);
    return;
  }
  await dropFiles(context, container.id);
}

/** Removes the anonymous volumes of a container that is being removed with `v=1`. */
export async function removeAnonymousVolumes(context: Context, container: Container): Promise<void> {
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

function nextRestart(
  container: Container,
  status: ExitStatus,
  task: Task,
  isStopping: boolean,
): { waitMs: number } | undefined {
  if (isStopping || container.isManuallyStopped) return undefined;
  const { Name, MaximumRetryCount } = container.host.RestartPolicy;
  const isDue =
    Name === "always" ||
    Name === "unless-stopped" ||
    (Name === "on-failure" &&
      status.code !== 0 &&
      (MaximumRetryCount === 0 || container.restartCount < MaximumRetryCount));
  if (!isDue) return undefined;
  const ranMs = Number((status.atNano - task.startedAtNano) / 1_000_000n);
  const exponent = ranMs >= STEADY_MS ? 0 : Math.min(container.restartCount, 10);
  return { waitMs: Math.min(FIRST_BACKOFF_MS * 2 ** exponent, MAX_BACKOFF_MS) };
}

/** Starts again after the back-off, unless stopped, removed or the engine ends meanwhile. */
export function scheduleRestart(context: Context, id: string, waitMs: number): void {
  const live = context.book.live(id);
  const stop = new AbortController();
  live.restart = stop;
  context.tasks.run("restart container", async (engineStops) => {
    const signal = AbortSignal.any([stop.signal, engineStops]);
    try {
      await context.clock.sleep(waitMs, signal);
      await using _ = await context.locks.hold(id, signal);
      live.restart = undefined;
      await context.book.change(id, (container) => ({
        ...container,
        restartCount: container.restartCount + 1,
      }));
      await startLocked(context, id, engineStops);
    } catch (error) {
      if (signal.aborted) return;
      context.log.warn("container could not be restarted", { container: id, error: messageOf(error) });
      const container = context.book.byId(id);
      if (container !== undefined && container.host.RestartPolicy.Name !== "on-failure")
        scheduleRestart(context, id, Math.min(waitMs * 2, MAX_BACKOFF_MS));
    }
  });
}
