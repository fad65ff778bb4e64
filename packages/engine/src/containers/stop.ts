import { type Clock, isKind, LongshoreError, unlessAborted } from "#kernel";
import { type Context, publish } from "./context.ts";
import type { Container } from "./contract.ts";
import { removeStopped } from "./clean-up.ts";
import { endHealthWatch, watchHealth } from "./health.ts";
import type { Task } from "#runtime";
import { signalNumber } from "./signals.ts";
import { startOrForget } from "./start.ts";

const SIGKILL = 9;
const DEFAULT_TIMEOUT_SECONDS = 10;
const AFTER_KILL_MS = 30_000;

export interface StopOptions {
  readonly signal?: string;
  /** -1 waits for ever. */
  readonly timeoutSeconds?: number;
}

/** Stop signal, time to comply, SIGKILL. Ends when the process is gone and cleaned up after. */
export async function stopContainer(
  context: Context,
  name: string,
  options: StopOptions,
  signal: AbortSignal,
): Promise<void> {
  const container = context.book.get(name);
  const live = context.book.live(container.id);
  await markStopped(context, container.id);
  if (live.task === undefined && !(await callOffStart(context, container, signal))) return;
  live.isStopping = true;
  await endProcess(context, container, options, signal);
  publish(context, container, "stop");
}

/**
 * For a container without a process: a restart that waits or works is called off, a start by hand is let finish. True when there is
 * a process to be stopped after all. Throws `unchanged` when there was nothing to do.
 */
async function callOffStart(context: Context, { id }: Container, signal: AbortSignal): Promise<boolean> {
  const live = context.book.live(id);
  const { restart } = live;
  live.restart = undefined;
  restart?.abort(new Error("container is stopped"));
  await using _ = await context.locks.hold(id, signal);
  if (live.task !== undefined) return true;
  if (restart === undefined) throw new LongshoreError("unchanged", `container ${id} is already stopped`);
  // Again: the restart may have unmarked it before it was called off.
  await markStopped(context, id);
  await context.book.changeState(id, { status: "exited" });
  publish(context, context.book.get(id), "stop");
  return false;
}

async function markStopped(context: Context, id: string): Promise<void> {
  await context.book.change(id, (container) =>
    container.isManuallyStopped ? container : { ...container, isManuallyStopped: true },
  );
}

async function endProcess(
  context: Context,
  container: Container,
  options: StopOptions,
  signal: AbortSignal,
): Promise<void> {
  const live = context.book.live(container.id);
  const { task } = live;
  if (task === undefined) return;
  const { promise: exited } = live.nextExit;
  const number = signalNumber(options.signal ?? container.settings.StopSignal ?? "SIGTERM");
  const seconds = options.timeoutSeconds ?? container.settings.StopTimeout ?? DEFAULT_TIMEOUT_SECONDS;
  await thaw(context, container.id, task);
  publish(context, container, "kill", { signal: String(number) });
  await unlessGone(task.kill(number));
  if (!(await within(context.clock, exited, seconds < 0 ? undefined : seconds * 1000, signal))) {
    publish(context, container, "kill", { signal: String(SIGKILL) });
    await unlessGone(task.kill(SIGKILL));
    if (!(await within(context.clock, exited, AFTER_KILL_MS, signal)))
      throw new LongshoreError(
        "internal",
        `cannot stop container: ${container.id}: tried to kill container, but did not receive an exit event`,
      );
  }
  while (live.isCleaning) await live.settled;
}

/** A process that ended before its signal came has done what was asked; its end is on its way here. */
async function unlessGone(sent: Promise<void>): Promise<void> {
  try {
    await sent;
  } catch (error) {
    if (!isKind(error, "conflict")) throw error;
  }
}

async function within(
  clock: Clock,
  promise: Promise<unknown>,
  limitMs: number | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (limitMs === undefined) {
    await unlessAborted(promise, signal);
    return true;
  }
  const isOver = new AbortController();
  const inTime = promise.then(() => true);
  const tooLate = clock.sleep(limitMs, AbortSignal.any([signal, isOver.signal])).then(() => false);
  tooLate.catch(() => {});
  try {
    return await Promise.race([inTime, tooLate]);
  } finally {
    isOver.abort();
  }
}

/** One signal. Throws in Docker's words, which name the container. */
export async function killContainer(
  context: Context,
  name: string,
  signalName: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await sendSignal(context, name, signalName, signal);
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    const text = `cannot kill container: ${name}: ${error.message}`;
    throw new LongshoreError(error.kind, text, { cause: error });
  }
}

/** One signal. Without a configured StopSignal any signal makes the next exit final; with one only that and KILL do (API.md, state rules). */
async function sendSignal(
  context: Context,
  name: string,
  signalName: string,
  signal: AbortSignal,
): Promise<void> {
  const number = signalNumber(signalName === "" ? "SIGKILL" : signalName);
  const container = context.book.get(name);
  const live = context.book.live(container.id);
  const { task } = live;
  if (task === undefined) throw new LongshoreError("conflict", `container ${container.id} is not running`);
  const { StopSignal } = container.settings;
  if (StopSignal === undefined || number === SIGKILL || number === signalNumber(StopSignal)) {
    // No pause may come between this one and the end; a process lives on with the others, if it likes.
    if (number === SIGKILL) live.isStopping = true;
    await markStopped(context, container.id);
  }
  const { promise: exited } = live.nextExit;
  publish(context, container, "kill", { signal: String(number) });
  await task.kill(number);
  if (number === SIGKILL) {
    await thaw(context, container.id, task);
    await within(context.clock, exited, AFTER_KILL_MS, signal);
  }
}

/** Stops (when running) and starts under one lock. */
export async function restartContainer(
  context: Context,
  name: string,
  options: StopOptions,
  signal: AbortSignal,
): Promise<void> {
  const { id } = context.book.get(name);
  const container = await beginRestart(context, id, signal);
  // Without the lock: a process may take its time, or for ever, and the container can be looked after meanwhile.
  const live = context.book.live(id);
  const wasRunning = live.task !== undefined;
  live.restarting += 1;
  try {
    await endProcess(context, container, options, signal);
  } finally {
    live.restarting -= 1;
  }
  if (wasRunning) publish(context, container, "stop");
  await using _ = await context.locks.hold(id, signal);
  // Removed meanwhile: there is nothing to start.
  context.book.get(id);
  await context.book.change(id, (record) => ({ ...record, isManuallyStopped: false }));
  // Started by somebody else meanwhile: it has restarted.
  if (live.task === undefined) await startOrForget(context, id, signal);
  publish(context, container, "restart");
}

/** Lets a start or a stop that is on its way finish, and takes the restart from the policy. */
async function beginRestart(context: Context, id: string, signal: AbortSignal): Promise<Container> {
  await using _ = await context.locks.hold(id, signal);
  const live = context.book.live(id);
  live.restart?.abort(new Error("container is restarted"));
  live.restart = undefined;
  live.isStopping = true;
  return context.book.get(id);
}

export async function pauseContainer(context: Context, name: string): Promise<void> {
  const container = context.book.get(name);
  const { task } = context.book.live(container.id);
  if (task === undefined) throw new LongshoreError("conflict", `container ${container.id} is not running`);
  if (container.state.status === "paused")
    throw new LongshoreError("conflict", `Container ${container.id} is already paused`);
  const live = context.book.live(container.id);
  if (live.isStopping)
    throw new LongshoreError("conflict", `container ${container.id} is being stopped and cannot be paused`);
  const freezing = task.pause();
  live.freezing = freezing.then(
    () => {},
    () => {},
  );
  await freezing;
  mustStillRun(context, container, task);
  endHealthWatch(context, container.id);
  await context.book.changeState(container.id, { status: "paused" });
  publish(context, container, "pause");
}

export async function unpauseContainer(context: Context, name: string): Promise<void> {
  const container = context.book.get(name);
  const { task } = context.book.live(container.id);
  if (task === undefined || container.state.status !== "paused")
    throw new LongshoreError("conflict", `Container ${container.id} is not paused`);
  await task.resume();
  mustStillRun(context, container, task);
  await context.book.changeState(container.id, { status: "running" });
  watchHealth(context, container.id);
  publish(context, container, "unpause");
}

/** A process that ended meanwhile has left the state that its end wrote: nobody may write over it. */
function mustStillRun(context: Context, container: Container, task: Task): void {
  if (context.book.live(container.id).task !== task)
    throw new LongshoreError("conflict", `container ${container.id} is not running`);
}

/** A frozen process takes no signal. One that is gone already can't be thawed: its end is on the way. */
async function thaw(context: Context, id: string, task: Task): Promise<void> {
  await context.book.live(id).freezing;
  // The pause that was waited for has told the state by now.
  if (context.book.byId(id)?.state.status !== "paused") return;
  await task.resume().catch((error: unknown) => {
    context.log.debug("a paused container could not be resumed for a signal", { container: id, error });
  });
}

/** Removes a container; `isForced` kills it first. */
export async function removeContainer(
  context: Context,
  name: string,
  options: { isForced: boolean; hasVolumes: boolean },
  signal: AbortSignal,
): Promise<void> {
  await withEnded(context, name, options.isForced, signal, async (container) => {
    await removeStopped(context, container, options.hasVolumes);
  });
}

/** What both removals begin with: nothing of it runs, restarts or is cleaned up, and its lock is held. One that is gone by then is none of `remove`'s. */
export async function withEnded(
  context: Context,
  name: string,
  isForced: boolean,
  signal: AbortSignal,
  remove: (container: Container) => Promise<void>,
): Promise<void> {
  const container = context.book.get(name);
  const live = context.book.live(container.id);
  refuseRemoval(context, container, name, isForced);
  live.restart?.abort(new Error("container is removed"));
  live.restart = undefined;
  await endForRemoval(context, container, signal);
  await using _ = await context.locks.hold(container.id, signal);
  // A start that had the lock before may have succeeded meanwhile.
  if (context.book.byId(container.id) !== undefined) {
    refuseRemoval(context, context.book.get(container.id), name, isForced);
    await endForRemoval(context, container, signal);
  }
  while (live.isCleaning) await live.settled;
  const current = context.book.byId(container.id);
  if (current !== undefined) await remove(current);
}

function refuseRemoval(context: Context, container: Container, name: string, isForced: boolean): void {
  const live = context.book.live(container.id);
  const refuse = (why: string): LongshoreError =>
    new LongshoreError("conflict", `cannot remove container "${container.name}": container ${why}`);
  if (live.task !== undefined && !isForced)
    throw refuse(
      container.state.status === "paused"
        ? "is paused and must be unpaused first"
        : "is running: stop the container before removing or force remove",
    );
  if (live.restart !== undefined && !isForced)
    throw refuse("is restarting: stop the container before removing or force remove");
  if (container.state.status === "removing")
    throw new LongshoreError("conflict", `removal of container ${name} is already in progress`);
}

/** Kills what runs, and waits until it is cleaned up after. */
async function endForRemoval(context: Context, container: Container, signal: AbortSignal): Promise<void> {
  const live = context.book.live(container.id);
  const { task } = live;
  if (task === undefined) return;
  live.isStopping = true;
  const { promise: exited } = live.nextExit;
  await thaw(context, container.id, task);
  publish(context, container, "kill", { signal: String(SIGKILL) });
  await task.kill(SIGKILL).catch((error: unknown) => {
    if (live.task !== undefined) throw error;
  });
  if (!(await within(context.clock, exited, AFTER_KILL_MS, signal)))
    throw new LongshoreError(
      "internal",
      `could not kill container "${container.name}": no exit event in ${AFTER_KILL_MS / 1000} s`,
    );
  while (live.isCleaning) await live.settled;
}
