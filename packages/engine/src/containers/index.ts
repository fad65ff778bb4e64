import { readdir, rm, rmdir } from "node:fs/promises";
import path from "node:path";
import { errno, KeyedLocks, TaskOwner } from "#kernel";
import { ContainerBook } from "./container-book.ts";
import { type Context, type ContainersDeps, logDirectoryOf } from "./context.ts";
import type { Container, Containers, TrashedContainer } from "./contract.ts";
import { initialHealth, watchHealth } from "./health.ts";
import { scheduleRestart, watchExit } from "./exit.ts";
import { logSourceOf } from "./log-options.ts";
import { dropIdle, volumeNames } from "./discard.ts";
import { ContainersRoom } from "./room.ts";
import { dropScratchMounts } from "./mounts.ts";
import { removeContainer } from "./stop.ts";

export type * from "./contract.ts";
export { type HostFacts, readHostFacts } from "./host-facts.ts";
export type { KernelLimit } from "./kernel-limits.ts";

/**
 * Opens the container room: adopts what runs, finishes what ended without an engine, drops what no record names,
 * restarts what its policy wants. Dispose leaves containers running (live restore).
 */
export async function openContainers(deps: ContainersDeps, signal: AbortSignal): Promise<Containers> {
  const book = new ContainerBook(
    deps.store.table<Container>("containers", 1, (row) => row as Container),
    deps.store.table<TrashedContainer>("trashed_containers", 1, (row) => row as TrashedContainer),
  );
  const context: Context = {
    ...deps,
    book,
    locks: new KeyedLocks(),
    tasks: new TaskOwner(deps.log),
    onStarted: (id, task) => watchExit(context, id, task),
  };
  deps.images.onUse(() => [
    ...book.list().map(({ id, imageId, state }) => ({
      imageId,
      containerId: id,
      isRunning: state.pid !== 0,
    })),
    ...book.trashed().map(({ container: { id, imageId } }) => ({
      imageId,
      containerId: id,
      isRunning: false,
      isTrashed: true as const,
    })),
  ]);
  for (const { container } of book.trashed())
    for (const name of volumeNames(container)) deps.volumes.expect(name, container.id);
  for (const container of book.list())
    for (const point of container.mounts)
      if (point.type === "volume" && point.name !== undefined)
        deps.volumes.reference(point.name, container.id);
  const adopted = await adopt(context);
  await dropInterrupted(context);
  await dropUnnamed(context, signal);
  await dropIdle(context);
  for (const container of book.list())
    if (!adopted.has(container.id) && container.state.status !== "created")
      await resumeShipment(context, container, Promise.resolve());
  restartByPolicy(context, adopted);
  return new ContainersRoom(context);
}

/** Takes over what runs; answers the ids whose end is handled from here on, also of those that ended meanwhile. */
async function adopt(context: Context): Promise<ReadonlySet<string>> {
  const { book } = context;
  const tasks = new Map((await context.runtime.adopt()).map((task) => [task.id, task]));
  const known = book.list();
  const alive = known.filter((container) => tasks.has(container.id));
  await context.networks.adopt(new Set(alive.map((container) => container.id)));
  for (const container of alive) {
    const task = tasks.get(container.id);
    if (task === undefined) continue;
    const live = book.live(container.id);
    live.task = task;
    for (const point of container.mounts)
      if (point.type === "volume" && point.name !== undefined)
        await context.volumes.hold(point.name, { ...point, containerId: container.id }, context.tasks.signal);
    const isListed = container.state.status === "running" || container.state.status === "paused";
    if (!isListed) {
      // Started, but the engine died before it could say so: the record catches up.
      await book.changeState(container.id, {
        status: "running",
        pid: task.pid,
        error: "",
        startedAt: new Date(Number(task.startedAtNano / 1_000_000n)).toISOString().replace("Z", "000000Z"),
        ...initialHealth(container),
      });
    }
    // Before its end is looked at: a removal waits for what is on its way.
    await resumeShipment(context, container, live.outputEnd.promise);
    watchExit(context, container.id, task);
    if (book.byId(container.id)?.state.status === "running") watchHealth(context, container.id);
    context.log.info("container adopted", { container: container.id, pid: task.pid });
  }
  for (const [id] of tasks) {
    if (book.byId(id) !== undefined) continue;
    context.log.warn("a running container that no record names is ended", { container: id });
    await tasks
      .get(id)
      ?.kill(9)
      .catch(() => {});
    await context.runtime.release(id);
  }
  for (const container of known) {
    if (
      tasks.has(container.id) ||
      !["running", "paused", "restarting", "removing"].includes(container.state.status)
    )
      continue;
    // Neither running nor remembered by the monitor: the machine was restarted.
    await context.runtime.release(container.id);
    await book.changeState(container.id, {
      status: "exited",
      pid: 0,
      exitCode: container.state.status === "restarting" ? container.state.exitCode : 255,
      finishedAt: context.clock.now().toISOString().replace("Z", "000000Z"),
    });
  }
  return new Set(alive.map((container) => container.id));
}

async function resumeShipment(
  context: Context,
  container: Container,
  ended: Promise<unknown>,
): Promise<void> {
  await context.logs.resumeShipment(logSourceOf(container, logDirectoryOf(context, container.id)), ended);
}

/** What a start or a clean-up that died half way left in the state root: mounts, namespaces, directories. */
async function dropInterrupted(context: Context): Promise<void> {
  const shmRoot = path.join(context.stateRoot, "shm");
  for (const id of await namesIn(shmRoot))
    if (context.book.live(id).task === undefined) await context.facts.unmountShm(path.join(shmRoot, id));
  await dropScratchMounts(path.join(context.stateRoot, "tmp"));
  const folder = path.join(context.stateRoot, "containers");
  for (const id of await readdir(folder)) {
    if (context.book.live(id).task !== undefined) continue;
    await context.networks.close(id);
    await context.runtime.release(id);
    await rmdir(path.join(folder, id)).catch((error: unknown) => {
      if (errno(error) !== "ENOENT") context.log.warn("state directory stays", { container: id, error });
    });
  }
}

/** Snapshots and directories that no record names: left by a crash between two steps of create or remove. */
async function dropUnnamed(context: Context, signal: AbortSignal): Promise<void> {
  for (const key of Array.from(context.layers.snapshots())) {
    signal.throwIfAborted();
    if (/^[0-9a-f]{64}$/.test(key) && !context.book.isKnown(key)) await context.layers.removeSnapshot(key);
  }
  const folder = path.join(context.dataRoot, "containers");
  for (const name of await namesIn(folder))
    if (!context.book.isKnown(name)) await rm(path.join(folder, name), { recursive: true, force: true });
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errno(error) === "ENOENT") return [];
    throw error;
  }
}

/** After the machine's or the engine's restart: always, unless-stopped and interrupted restarts run again. */
function restartByPolicy(context: Context, adopted: ReadonlySet<string>): void {
  for (const container of context.book.list()) {
    const { Name } = container.host.RestartPolicy;
    // An end while no engine ran comes by the task, and with it its restart: a second one would start it twice.
    if (adopted.has(container.id) || container.state.status === "created") continue;
    if (
      Name === "always" ||
      (Name === "unless-stopped" && !container.isManuallyStopped) ||
      (Name === "on-failure" &&
        container.state.exitCode !== 0 &&
        !container.isManuallyStopped &&
        container.state.exitCode === 255)
    )
      scheduleRestart(context, container.id, 0);
    else if (container.host.AutoRemove)
      context.tasks.run("auto-remove", async (signal) => {
        await removeContainer(context, container.id, { isForced: true, hasVolumes: true }, signal);
      });
  }
}
