import { LongshoreError, unlessAborted } from "#kernel";
import type { LogEntry, LogQuery } from "#logs";
import type { Task } from "#runtime";
import { type Context, logDirectoryOf, publish } from "./context.ts";
import type { AttachOptions, AttachSession, Container } from "./contract.ts";
import type { LiveState } from "./container-book.ts";
import { isLogReadable, logDetails } from "./log-options.ts";

/** More stdin than this before the start is refused rather than kept. */
const EARLY_STDIN_LIMIT_BYTES = 8 * 1024 * 1024;

/**
 * Joins a container's output and stdin. Works before the start too: output follows, stdin is kept until then (the CLI attaches first).
 * Output comes from the log file by offset, so a slow client never holds the container up.
 */
export async function attachContainer(
  context: Context,
  name: string,
  options: AttachOptions,
  signal: AbortSignal,
): Promise<AttachSession> {
  const container = context.book.get(name);
  if (container.state.status === "paused")
    throw new LongshoreError("conflict", `container ${name} is paused, unpause the container before attach`);
  if (container.state.status === "restarting")
    throw new LongshoreError(
      "conflict",
      `container ${name} is restarting, wait until the container is running`,
    );
  const live = context.book.live(container.id);
  const directory = logDirectoryOf(context, container.id);
  const { promise: ended } = live.outputEnd;
  const from = options.hasLogs ? 0 : await context.logs.endOffset(directory);
  publish(context, container, "attach");
  const wanted = (entry: LogEntry): boolean =>
    entry.stream === "stdout" ? options.hasStdout : options.hasStderr;
  const end = options.isStreaming ? ended : Promise.resolve();
  const stdin = new StdinWriter(live, container);
  return {
    hasTty: container.settings.Tty,
    output:
      options.isStreaming || options.hasLogs
        ? delivered(live, keep(context.logs.attach(directory, from, end, signal), wanted))
        : nothing(ended, signal),
    writeStdin: (chunk, stop) =>
      options.hasStdin && container.settings.OpenStdin ? stdin.write(chunk, stop) : Promise.resolve(),
    closeStdin: () =>
      options.hasStdin && container.settings.OpenStdin && container.settings.StdinOnce
        ? stdin.close()
        : Promise.resolve(),
    detached: () => publish(context, container, "detach"),
  };
}

/** Lets the end of the run wait for its reader. */
async function* delivered(live: LiveState, source: AsyncIterable<LogEntry>): AsyncGenerator<LogEntry> {
  const { promise, resolve } = Promise.withResolvers<void>();
  live.attachments.add(promise);
  try {
    yield* source;
  } finally {
    live.attachments.delete(promise);
    resolve();
  }
}

async function* keep(
  source: AsyncIterable<LogEntry>,
  wanted: (entry: LogEntry) => boolean,
): AsyncGenerator<LogEntry> {
  for await (const entry of source) if (wanted(entry)) yield entry;
}

// oxlint-disable-next-line require-yield -- a conversation without output still lasts until the exit
async function* nothing(ended: Promise<unknown>, signal: AbortSignal): AsyncGenerator<LogEntry> {
  await unlessAborted(ended, signal);
}

/** Writes to the task, or keeps what comes before there is one. */
class StdinWriter {
  readonly #early: Uint8Array[] = [];
  #earlyBytes = 0;
  #task: Task | undefined;
  #isClosing = false;

  constructor(live: LiveState, container: Container) {
    this.#task = live.task;
    if (this.#task !== undefined || !container.settings.OpenStdin) return;
    void live.nextStart.promise.then((task) => this.#begin(task)).catch(() => {});
  }

  async #begin(task: Task): Promise<void> {
    const never = new AbortController().signal;
    for (let chunk = this.#early.shift(); chunk !== undefined; chunk = this.#early.shift())
      await task.writeStdin(chunk, never);
    this.#task = task;
    if (this.#isClosing) await task.closeStdin();
  }

  async write(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    if (this.#task !== undefined) return await this.#task.writeStdin(chunk, signal);
    this.#earlyBytes += chunk.byteLength;
    if (this.#earlyBytes > EARLY_STDIN_LIMIT_BYTES)
      throw new LongshoreError(
        "invalid",
        `more than ${EARLY_STDIN_LIMIT_BYTES} bytes of stdin came before the container was started`,
      );
    this.#early.push(chunk);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#task !== undefined) await this.#task.closeStdin();
  }
}

/** Stored lines and, with follow, live ones until the run's end: without a run there is nothing to follow. */
export async function containerLogs(
  context: Context,
  name: string,
  query: LogQuery,
  signal: AbortSignal,
): Promise<{ hasTty: boolean; details: string; entries: AsyncIterable<readonly LogEntry[]> }> {
  const container = context.book.get(name);
  if (!isLogReadable(container.host.LogConfig))
    throw new LongshoreError("unsupported", "configured logging driver does not support reading");
  const live = context.book.live(container.id);
  const ended = live.task === undefined ? Promise.resolve() : live.nextExit.promise;
  return {
    hasTty: container.settings.Tty,
    details: logDetails(container),
    entries: context.logs.read(logDirectoryOf(context, container.id), query, ended, signal),
  };
}
