import { messageOf, rfc3339Nano, unlessAborted } from "#kernel";
import type { ExitStatus, Task } from "#runtime";
import { clear, forget, leave, tellRemoved, tryAgainLater } from "./clean-up.ts";
import type { Ended, LiveState } from "./container-book.ts";
import { type Context, publish } from "./context.ts";
import type { Container } from "./contract.ts";
import { endHealthWatch } from "./health.ts";
import { startLocked } from "./start.ts";

const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 60_000;
/** How long an end waits for attached clients. */
const SLOW_READER_MS = 2000;
/** A run at least this long resets the back-off. */
const STEADY_MS = 10_000;

/** Follows a task to its end in the background; the end is handled exactly once. */
export function watchExit(context: Context, id: string, task: Task): void {
  context.tasks.run("watch exit", async (signal) => {
    await handleExit(context, id, task, await unlessAborted(task.exited, signal));
  });
}

/**
 * Who is attached gets the output first; then the state (waiters learn of it at once), then the clean-up, then removal or the next start.
 */
export async function handleExit(
  context: Context,
  id: string,
  task: Task,
  status: ExitStatus,
): Promise<void> {
  const live = context.book.live(id);
  await outputIsDelivered(context, live);
  const container = context.book.byId(id);
  live.task = undefined;
  endHealthWatch(context, id);
  if (container === undefined) {
    await context.runtime.release(id);
    return;
  }
  const finished = rfc3339Nano(status.atNano);
  const restart = nextRestart(container, status, task, live.isStopping);
  const isRestarted = live.restarting > 0;
  // From the moment that "restarting" shows, a stop or a removal must find what to call off.
  const stop = restart === undefined ? undefined : new AbortController();
  live.restart = stop;
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
  live.isCleaning = true;
  const { nextExit } = live;
  live.nextExit = Promise.withResolvers<Ended>();
  live.nextExit.promise.catch(() => {});
  nextExit.resolve(ended);
  let isForgetting = false;
  let isOurs = false;
  const finish = async (): Promise<void> => {
    if (isForgetting) {
      // The first try failed: on a full disk the container's own files make room for its record's end.
      await context.networks.close(id);
      await context.runtime.release(id);
      await context.layers.removeSnapshot(id);
    }
    const isGone = context.book.byId(id) === undefined;
    const isToStay = restart !== undefined || live.isDiscarding || isRestarted;
    const isAutoRemoved = container.host.AutoRemove && !isToStay;
    if (isAutoRemoved && (isForgetting || !isGone)) {
      isForgetting = true;
      await forget(context, container);
      isForgetting = false;
      isOurs = true;
      await tellRemoved(context, container, ended, true);
    }
    await leave(context, container);
    if (isOurs) {
      isOurs = false;
      publish(context, container, "destroy");
    }
    await clear(context, container);
  };
  try {
    await durable;
    await finish();
  } catch (error) {
    tryAgainLater(context, id, finish, error);
  } finally {
    live.isCleaning = false;
    cleaned.resolve();
  }
  if (restart !== undefined && stop?.signal.aborted === false)
    scheduleRestart(context, id, restart.waitMs, stop);
}

/** As Docker: an attached client has seen the output before anybody hears of the end, unless it is slow to read. */
async function outputIsDelivered(context: Context, live: LiveState): Promise<void> {
  live.outputEnd.resolve();
  live.outputEnd = Promise.withResolvers<void>();
  if (live.attachments.size === 0) return;
  const stop = new AbortController();
  await Promise.race([
    Promise.all(live.attachments),
    context.clock.sleep(SLOW_READER_MS, stop.signal).catch(() => {}),
  ]);
  stop.abort();
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
export function scheduleRestart(
  context: Context,
  id: string,
  waitMs: number,
  stop: AbortController = new AbortController(),
): void {
  const live = context.book.live(id);
  live.restart = stop;
  context.tasks.run("restart container", async (engineStops) => {
    const signal = AbortSignal.any([stop.signal, engineStops]);
    try {
      await context.clock.sleep(waitMs, signal);
      await using _ = await context.locks.hold(id, signal);
      await context.book.change(id, (container) => ({
        ...container,
        restartCount: container.restartCount + 1,
        isManuallyStopped: false,
      }));
      // A stop that comes while it works calls it off too.
      await startLocked(context, id, signal);
      if (live.restart === stop) live.restart = undefined;
    } catch (error) {
      if (signal.aborted) return;
      context.log.warn("container could not be restarted", { container: id, error: messageOf(error) });
      const container = context.book.byId(id);
      if (container !== undefined && container.host.RestartPolicy.Name !== "on-failure")
        scheduleRestart(context, id, Math.min(waitMs * 2, MAX_BACKOFF_MS));
    }
  });
}
