import { mkdir, mkdtemp, rmdir, stat } from "node:fs/promises";
import path from "node:path";
import { Worker } from "node:worker_threads";
import type { RootBind } from "#host";
import { plainBytes, withoutRareCompression } from "#layers";
import { LongshoreError, programBeside, unlessAborted } from "#kernel";
import type { FromArchive, Job, ToArchive, View } from "./archive/protocol.ts";
import { cleanPath } from "./clean-path.ts";
import { type Context, publish } from "./context.ts";
import type { Container, PathStat } from "./contract.ts";
import { bindSubpath } from "./mounts.ts";

/** The process whose view of the files was to be taken has ended. */
class ProcessGone extends Error {}

/** One thread working on a container's files; its answers come in order. */
class ArchiveThread implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #answers: FromArchive[] = [];
  readonly #release: AsyncDisposable;
  readonly #exited = Promise.withResolvers<void>();
  #wake: () => void = () => {};

  constructor(view: View, job: Job, sources: Readonly<Record<string, boolean>>, release: AsyncDisposable) {
    this.#release = release;
    this.#worker = new Worker(programBeside("./archive/archive-thread.ts", import.meta.url), {
      workerData: { view, job, sources },
    });
    this.#worker.on("message", (answer: FromArchive) => this.#answered(answer));
    this.#worker.once("exit", () => this.#exited.resolve());
    this.#worker.on("error", (error) =>
      this.#answered({ kind: "failed", errorKind: "internal", message: error.message }),
    );
  }

  #answered(answer: FromArchive): void {
    this.#answers.push(answer);
    this.#wake();
  }

  send(message: ToArchive): void {
    this.#worker.postMessage(message);
  }

  /** The next answer; a failure is thrown. */
  async answer(signal: AbortSignal): Promise<Exclude<FromArchive, { kind: "failed" }>> {
    for (;;) {
      signal.throwIfAborted();
      const next = this.#answers.shift();
      if (next?.kind === "failed") {
        if (next.errorKind === "gone") throw new ProcessGone();
        throw new LongshoreError(next.errorKind, next.message);
      }
      if (next !== undefined) return next;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Not terminate(): a thread that is stopped while it loads koffi, or inside of it, takes the engine with it.
    this.send({ kind: "stop" });
    await this.#exited.promise;
    await this.#release[Symbol.asyncDispose]();
  }
}

interface Begun extends AsyncDisposable {
  readonly thread: ArchiveThread;
  readonly first: Exclude<FromArchive, { kind: "failed" }>;
}

/** A thread with its first answer. Where the process ends before its view is taken, the stopped container's is. */
async function begin(context: Context, id: string, job: Job, signal: AbortSignal): Promise<Begun> {
  for (;;) {
    const { task, nextExit } = context.book.live(id);
    await using opened = new AsyncDisposableStack();
    const thread = opened.use(await openThread(context, id, job, signal));
    try {
      const first = await thread.answer(signal);
      const kept = opened.move();
      return { thread, first, [Symbol.asyncDispose]: () => kept.disposeAsync() };
    } catch (error) {
      if (!(error instanceof ProcessGone)) throw error;
    }
    // Its end may not be known here yet.
    if (context.book.live(id).task === task) await unlessAborted(nextExit.promise, signal);
  }
}

async function openThread(
  context: Context,
  name: string,
  job: Job,
  signal: AbortSignal,
): Promise<ArchiveThread> {
  const container = context.book.get(name);
  await using held = new AsyncDisposableStack();
  const { task } = context.book.live(container.id);
  await stat("/");
  if (task !== undefined) {
    // An export holds the container's own files: what is mounted on them (volumes, /proc) isn't the root's.
    const rootfs = path.join(context.stateRoot, "containers", container.id, "rootfs");
    const view: View =
      job.kind === "export" ? { kind: "root", place: rootfs } : { kind: "running", pid: task.pid };
    return new ArchiveThread(view, job, {}, held.move());
  }
  // A start during the job would mount the same upper directory twice: the lock keeps it waiting.
  held.use(await context.locks.hold(container.id, signal));
  const folder = path.join(context.stateRoot, "tmp");
  await mkdir(folder, { recursive: true });
  const target = await mkdtemp(path.join(folder, "archive-"));
  held.defer(() => rmdir(target));
  const binds = job.kind === "export" ? [] : await mountsOf(context, container, held);
  const sources: Record<string, boolean> = {};
  for (const { source, destination } of binds) sources[destination] = (await stat(source)).isDirectory();
  const { lowers, upper, work } = context.layers.mount(container.id);
  const root = { lowers, ...(upper !== undefined && { upper }), ...(work !== undefined && { work }) };
  const isReadOnly = container.host.ReadonlyRootfs;
  const view: View = { kind: "stopped", root, target, binds, isReadOnly };
  return new ArchiveThread(view, job, sources, held.move());
}

async function mountsOf(
  context: Context,
  container: Container,
  held: AsyncDisposableStack,
): Promise<RootBind[]> {
  const binds: RootBind[] = [];
  for (const { type, name, source, destination, isWritable } of container.mounts) {
    if (type === "tmpfs") continue;
    const whole = name === undefined ? source : context.volumes.get(name).mountpoint;
    binds.push({
      source: source === whole ? source : await bindSubpath(context, whole, source, held),
      destination,
      isReadOnly: !isWritable,
    });
  }
  return binds.toSorted((a, b) => a.destination.split("/").length - b.destination.split("/").length);
}

/** HEAD archive. Throws `not_found`. */
export async function statPath(
  context: Context,
  name: string,
  place: string,
  signal: AbortSignal,
): Promise<PathStat> {
  const container = context.book.get(name);
  await using begun = await named(
    begin(context, container.id, { kind: "stat", path: place }, signal),
    container,
  );
  const answer = begun.first;
  if (answer.kind !== "stat") throw new LongshoreError("internal", `archive thread answered ${answer.kind}`);
  return answer.stat;
}

/** GET archive. The tar must be read to its end or returned. */
export async function readArchive(
  context: Context,
  name: string,
  place: string,
  signal: AbortSignal,
): Promise<{ stat: PathStat; tar: AsyncIterable<Uint8Array> }> {
  const container = context.book.get(name);
  await using opened = new AsyncDisposableStack();
  const job = { kind: "read", path: place } as const;
  const { thread, first: answer } = opened.use(
    await named(begin(context, container.id, job, signal), container),
  );
  if (answer.kind !== "stat") throw new LongshoreError("internal", `archive thread answered ${answer.kind}`);
  publish(context, container, "archive-path");
  return { stat: answer.stat, tar: pieces(thread, opened.move(), signal) };
}

/** GET export. */
export async function exportRoot(
  context: Context,
  name: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  await using opened = new AsyncDisposableStack();
  const container = context.book.get(name);
  const { thread } = opened.use(await begin(context, container.id, { kind: "export" }, signal));
  publish(context, container, "export");
  return pieces(thread, opened.move(), signal);
}

async function* pieces(
  thread: ArchiveThread,
  opened: AsyncDisposableStack,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  await using _ = opened;
  for (;;) {
    thread.send({ kind: "next" });
    const answer = await thread.answer(signal);
    if (answer.kind === "done") return;
    if (answer.kind === "piece") yield answer.bytes;
  }
}

/** PUT archive: unpacks into an existing directory. */
export async function writeArchive(
  context: Context,
  name: string,
  place: string,
  source: AsyncIterable<Uint8Array>,
  options: { isKeepingKind: boolean; isKeepingOwner: boolean },
  signal: AbortSignal,
): Promise<void> {
  const container = context.book.get(name);
  refuseReadOnly(container, place);
  const job = { kind: "write", path: place, isKeepingKind: options.isKeepingKind } as const;
  await using begun = await named(begin(context, container.id, job, signal), container);
  const { thread } = begun;
  for await (const chunk of plainBytes(withoutRareCompression(source, signal), signal)) {
    thread.send({ kind: "data", bytes: Buffer.from(chunk) });
    await thread.answer(signal);
  }
  thread.send({ kind: "end" });
  await thread.answer(signal);
  publish(context, container, "extract-to-dir");
}

/** By what lies deepest around the place. Throws `forbidden` in Docker's words. */
function refuseReadOnly({ mounts, host }: Container, place: string): void {
  const wanted = cleanPath(`/${place}`);
  const [around] = mounts
    .filter(({ destination }) => `${wanted}/`.startsWith(`${destination}/`))
    .toSorted((a, b) => b.destination.length - a.destination.length);
  if (around?.isWritable === false)
    throw new LongshoreError("forbidden", "mounted volume is marked read-only");
  if (around === undefined && host.ReadonlyRootfs)
    throw new LongshoreError("forbidden", "container rootfs is marked read-only");
}

/** Docker's text names the container's path: `Could not find the file /x in container NAME`. */
async function named<T>(answer: Promise<T>, container: Container): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof LongshoreError && error.kind === "not_found")
      throw new LongshoreError("not_found", `${error.message} ${container.name}`, { cause: error });
    throw error;
  }
}
