import { publishPrune } from "#events";
import { LongshoreError, unlessAborted } from "#kernel";
import type { Digest } from "#spec";
import { attachContainer, containerLogs } from "./attach.ts";
import { readArchive, statPath, writeArchive, exportRoot } from "./archive.ts";
import { commitContainer } from "./commit.ts";
import { connectContainer, disconnectContainer } from "./connect.ts";
import { type Context, directoryOf, publish } from "./context.ts";
import type * as c from "./contract.ts";
import { createContainer } from "./create.ts";
import { discardContainer, purgeContainer } from "./discard.ts";
import { diskOf } from "./disk.ts";
import { createExec, execOf, resizeExec, startExec } from "./exec.ts";
import { restoreContainer } from "./restore.ts";
import { sampleStats } from "./stats.ts";
import {
  killContainer,
  pauseContainer,
  removeContainer,
  restartContainer,
  stopContainer,
  unpauseContainer,
} from "./stop.ts";
import { startOrForget } from "./start.ts";
import { containerTop } from "./top.ts";
import { updateContainer } from "./update.ts";

/** The containers room: each method is one file's function over the shared context. */
export class ContainersRoom implements c.Containers {
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  list(): readonly c.Container[] {
    return this.#context.book.list();
  }

  get(name: string): c.Container {
    return this.#context.book.get(name);
  }

  live(id: string): c.ContainerLive {
    const { layers } = this.#context;
    const live = this.#context.book.live(id);
    const sandbox = this.#context.networks.sandbox(live.sandboxOwner ?? id);
    return {
      endpoints: live.sandboxOwner === undefined ? (sandbox?.endpoints ?? []) : [],
      ports: live.sandboxOwner === undefined ? (sandbox?.ports ?? []) : [],
      sandboxPath: sandbox?.path ?? "",
      execIds: [...live.execs.keys()],
      directory: directoryOf(this.#context, id),
      get root() {
        return layers.mount(id);
      },
    };
  }

  create(
    request: c.CreateRequest,
    signal: AbortSignal,
  ): Promise<{ id: string; warnings: readonly string[] }> {
    return createContainer(this.#context, request, signal);
  }

  async start(name: string, signal: AbortSignal): Promise<void> {
    const { id } = this.#context.book.get(name);
    await using _ = await this.#context.locks.hold(id, signal);
    const live = this.#context.book.live(id);
    live.restart?.abort(new Error("container is started by hand"));
    live.restart = undefined;
    const { isManuallyStopped, restartCount } = this.#context.book.get(id);
    if (live.task === undefined && (isManuallyStopped || restartCount > 0))
      void this.#context.book
        .change(id, (container) => ({ ...container, isManuallyStopped: false, restartCount: 0 }))
        .catch(() => {});
    await startOrForget(this.#context, id, signal);
  }

  stop(
    name: string,
    options: { signal?: string; timeoutSeconds?: number },
    signal: AbortSignal,
  ): Promise<void> {
    return stopContainer(this.#context, name, options, signal);
  }

  kill(name: string, signalName: string, signal: AbortSignal): Promise<void> {
    return killContainer(this.#context, name, signalName, signal);
  }

  restart(
    name: string,
    options: { signal?: string; timeoutSeconds?: number },
    signal: AbortSignal,
  ): Promise<void> {
    return restartContainer(this.#context, name, options, signal);
  }

  pause(name: string): Promise<void> {
    return pauseContainer(this.#context, name);
  }

  unpause(name: string): Promise<void> {
    return unpauseContainer(this.#context, name);
  }

  async rename(name: string, newName: string): Promise<void> {
    const { book, networks } = this.#context;
    const container = book.get(name);
    if (newName === "") throw new LongshoreError("invalid", "Neither old nor new names may be empty");
    const bare = newName.replace(/^\//, "");
    if (bare === container.name)
      throw new LongshoreError("invalid", `Renaming a container with the same name as its current name`);
    takeNewName(book, bare, container.id);
    await book.change(container.id, (record) => ({ ...record, name: bare }));
    book.freeName(container.name, container.id);
    networks.rename(container.id, bare);
    publish(this.#context, { ...container, name: bare }, "rename", { oldName: `/${container.name}` });
  }

  update(name: string, host: Partial<c.HostSettings>): Promise<readonly string[]> {
    return updateContainer(this.#context, name, host);
  }

  remove(
    name: string,
    options: { isForced: boolean; hasVolumes: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    return removeContainer(this.#context, name, options, signal);
  }

  discard(
    name: string,
    options: { isForced: boolean; hasVolumes: boolean },
    signal: AbortSignal,
  ): Promise<string> {
    return discardContainer(this.#context, name, options, signal);
  }

  trashed(): readonly c.TrashedContainer[] {
    return this.#context.book.trashed();
  }

  restore(id: string, options: c.RestoreOptions, signal: AbortSignal): ReturnType<c.Containers["restore"]> {
    return restoreContainer(this.#context, id, options, signal);
  }

  purge(id: string): Promise<void> {
    return purgeContainer(this.#context, id, new AbortController().signal);
  }

  async prune(
    matches: (container: c.Container) => boolean,
    signal: AbortSignal,
    options: { readonly isDiscarding: boolean } = { isDiscarding: false },
  ): Promise<{ removed: readonly string[]; reclaimedBytes: number }> {
    const removed: string[] = [];
    let reclaimedBytes = 0;
    const how = { isForced: false, hasVolumes: false };
    for (const container of this.list()) {
      const { status } = container.state;
      if ((status !== "created" && status !== "exited" && status !== "dead") || !matches(container)) continue;
      const bytes = await this.#context.layers.usageBytes(container.id, signal);
      if (options.isDiscarding) await this.discard(container.id, how, signal);
      else {
        await this.remove(container.id, how, signal);
        reclaimedBytes += bytes;
      }
      removed.push(container.id);
    }
    publishPrune(this.#context.events, "container", reclaimedBytes);
    return { removed, reclaimedBytes };
  }

  async resize(name: string, rows: number, columns: number): Promise<void> {
    const container = this.get(name);
    const { task } = this.#context.book.live(container.id);
    if (task === undefined) throw new LongshoreError("conflict", `container ${container.id} is not running`);
    await task.resize(rows, columns);
    publish(this.#context, container, "resize", { height: String(rows), width: String(columns) });
  }

  async wait(
    name: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ code: number; error?: string }> {
    const container = this.get(name);
    const live = this.#context.book.live(container.id);
    if (condition === "removed") return await unlessAborted(live.removed.promise, signal);
    if (condition === "not-running" && live.task === undefined && live.restart === undefined)
      return { code: container.state.exitCode };
    return await unlessAborted(live.nextExit.promise, signal);
  }

  attach(name: string, options: c.AttachOptions, signal: AbortSignal): Promise<c.AttachSession> {
    return attachContainer(this.#context, name, options, signal);
  }

  logs(
    name: string,
    query: Parameters<c.Containers["logs"]>[1],
    signal: AbortSignal,
  ): ReturnType<c.Containers["logs"]> {
    return containerLogs(this.#context, name, query, signal);
  }

  top(name: string, psArguments: string, signal: AbortSignal): ReturnType<c.Containers["top"]> {
    return containerTop(this.#context, name, psArguments, signal);
  }

  sample(name: string): Promise<object | undefined> {
    return sampleStats(this.#context, name);
  }

  changes(name: string, signal: AbortSignal): ReturnType<c.Containers["changes"]> {
    return this.#context.layers.changes(this.get(name).id, signal);
  }

  exportRoot(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    return exportRoot(this.#context, name, signal);
  }

  async sizes(name: string, signal: AbortSignal): Promise<{ writableBytes: number; rootBytes: number }> {
    const container = this.get(name);
    const writableBytes = await this.#context.layers.usageBytes(container.id, signal);
    const image = this.#context.images.list().find((candidate) => candidate.id === container.imageId);
    return { writableBytes, rootBytes: writableBytes + (image?.sizeBytes ?? 0) };
  }

  topOf(name: string): Digest | undefined {
    return this.#context.layers.snapshotParent(this.get(name).id);
  }

  disk(name: string, signal: AbortSignal): ReturnType<c.Containers["disk"]> {
    return diskOf(this.#context, this.get(name).id, signal);
  }

  statPath(name: string, path: string, signal: AbortSignal): Promise<c.PathStat> {
    return statPath(this.#context, name, path, signal);
  }

  readArchive(name: string, path: string, signal: AbortSignal): ReturnType<c.Containers["readArchive"]> {
    return readArchive(this.#context, name, path, signal);
  }

  writeArchive(
    name: string,
    path: string,
    source: AsyncIterable<Uint8Array>,
    options: { isKeepingKind: boolean; isKeepingOwner: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    return writeArchive(this.#context, name, path, source, options, signal);
  }

  commit(
    name: string,
    options: Parameters<c.Containers["commit"]>[1],
    signal: AbortSignal,
  ): ReturnType<c.Containers["commit"]> {
    return commitContainer(this.#context, name, options, signal);
  }

  createExec(name: string, settings: c.ExecSettings): Promise<string> {
    return createExec(this.#context, name, settings);
  }

  startExec(id: string, options: c.ExecStart, signal: AbortSignal): Promise<c.ExecSession> {
    return startExec(this.#context, id, options, signal);
  }

  exec(id: string): c.Exec {
    return execOf(this.#context, id);
  }

  resizeExec(id: string, rows: number, columns: number): Promise<void> {
    return resizeExec(this.#context, id, rows, columns);
  }

  connect(name: string, network: string, settings: c.EndpointSettings, signal: AbortSignal): Promise<void> {
    return connectContainer(this.#context, name, network, settings, signal);
  }

  disconnect(name: string, network: string, isForced: boolean): Promise<void> {
    return disconnectContainer(this.#context, name, network, isForced);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.tasks[Symbol.asyncDispose]();
  }
}

/** Throws as takeName does, in Docker's words for a rename. */
function takeNewName(book: Context["book"], bare: string, id: string): void {
  try {
    book.takeName(`/${bare}`, id);
  } catch (error) {
    if (!(error instanceof LongshoreError)) throw error;
    throw new LongshoreError(error.kind, `Error when allocating new name: ${error.message}`, {
      cause: error,
    });
  }
}
