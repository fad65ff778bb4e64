import { LongshoreError, messageOf, randomId, unlessAborted } from "#kernel";
import type { LiveExec, LiveState } from "./container-book.ts";
import { type Context, publish } from "./context.ts";
import type { Container, Exec, ExecSession, ExecSettings, ExecStart } from "./contract.ts";
import { execProcess, execUser } from "./exec-process.ts";

/** How long an end is remembered; dockerd forgets after five minutes to ten. */
const KEPT_MS = 10 * 60_000;

/** Prepares a process in a running container. */
export async function createExec(context: Context, name: string, settings: ExecSettings): Promise<string> {
  const container = context.book.get(name);
  const live = context.book.live(container.id);
  if (container.state.status === "paused")
    throw new LongshoreError("conflict", `container ${name} is paused, unpause the container before exec`);
  if (live.task === undefined)
    throw new LongshoreError("conflict", `container ${container.id} is not running`);
  const { User, WorkingDir } = container.settings;
  const wanted = {
    ...settings,
    User: settings.User === "" ? User : settings.User,
    WorkingDir: settings.WorkingDir === "" ? WorkingDir : settings.WorkingDir,
  };
  checkExec(context, container, wanted);
  context.runtime.expect();
  dropOld(context);
  const id = randomId();
  const entry: LiveExec = {
    exec: { id, containerId: container.id, settings: wanted, isRunning: false, exitCode: null, pid: 0 },
  };
  live.execs.set(id, entry);
  context.book.execs.set(id, entry);
  publish(context, container, `exec_create: ${commandWords(settings.Cmd)}`, { execID: id });
  return id;
}

/** Throws `invalid` for what no process could be started with. */
function checkExec(context: Context, container: Container, settings: ExecSettings): void {
  const { Cmd, Env, WorkingDir } = settings;
  if (Cmd.length === 0) throw new LongshoreError("invalid", "No exec command specified");
  if (WorkingDir !== "" && !WorkingDir.startsWith("/"))
    throw new LongshoreError("invalid", `Cwd must be an absolute path: "${WorkingDir}"`);
  for (const entry of Env)
    if (entry === "" || entry.startsWith("="))
      throw new LongshoreError("invalid", `invalid environment variable: ${entry}`);
  execUser(context, container, settings);
}

/** Its container shows it no longer; its exit code can still be asked for, for a while. */
function retire({ clock }: Context, live: LiveState, entry: LiveExec, exitCode: number): void {
  entry.exec = { ...entry.exec, isRunning: false, exitCode };
  entry.endedAtMs = clock.now().getTime();
  live.execs.delete(entry.exec.id);
}

/** A container that lives for years sees many. */
function dropOld({ book, clock }: Context): void {
  const before = clock.now().getTime() - KEPT_MS;
  for (const [id, { endedAtMs }] of book.execs)
    if (endedAtMs !== undefined && endedAtMs < before) book.execs.delete(id);
}

/** As Docker's events have it: a command without arguments ends in a space. */
export const commandWords = ([program = "", ...rest]: readonly string[]): string =>
  `${program} ${rest.join(" ")}`;

function find(context: Context, id: string): LiveExec {
  const entry = context.book.execs.get(id);
  if (entry === undefined) throw new LongshoreError("not_found", `No such exec instance: ${id}`);
  return entry;
}

export function execOf(context: Context, id: string): Exec {
  return find(context, id).exec;
}

/** Runs it; the exit code is known before the session's output ends. */
export async function startExec(
  context: Context,
  id: string,
  options: ExecStart,
  signal: AbortSignal,
): Promise<ExecSession> {
  const entry = find(context, id);
  const { settings, containerId } = entry.exec;
  const container = context.book.get(containerId);
  if (entry.starting !== undefined)
    throw new LongshoreError(
      "conflict",
      `exec command ${id} ${entry.exec.isRunning ? "is already running" : "has already run"}`,
    );
  if (container.state.status === "paused")
    throw new LongshoreError(
      "conflict",
      `container ${containerId} is paused, unpause the container before exec`,
    );
  const live = context.book.live(containerId);
  if (live.task === undefined)
    throw new LongshoreError("conflict", `container ${containerId} is not running`);
  const starting = Promise.withResolvers<void>();
  entry.starting = starting.promise;
  options.onAccepted?.();
  const hasTty = settings.Tty;
  const size = options.size ?? settings.ConsoleSize;
  publish(context, container, `exec_start: ${commandWords(settings.Cmd)}`, { execID: id });
  try {
    const task = await context.runtime.exec(
      {
        containerId,
        execId: id,
        process: await execProcess(context, container, settings, size),
        stdio: {
          hasTty,
          hasStdin: settings.AttachStdin && !options.isDetached,
          ...(size !== undefined && size[0] > 0 && { size }),
        },
        isAttached: !options.isDetached,
      },
      signal,
    );
    entry.task = task;
    entry.exec = { ...entry.exec, isRunning: true, pid: task.pid };
    const ended = task.exited.then((status) => {
      retire(context, live, entry, status.code);
      publish(context, container, "exec_die", { execID: id, exitCode: String(status.code) });
    });
    context.tasks.run("watch exec", (stop) => unlessAborted(ended, stop));
    return {
      hasTty,
      output: until(task.output, ended, settings),
      writeStdin: (chunk, stop) => task.writeStdin(chunk, stop),
      closeStdin: () => task.closeStdin(),
      detached: () => publish(context, container, "exec_detach", { execID: id }),
    };
  } catch (error) {
    const code = /executable file not found|no such file or directory/i.test(messageOf(error)) ? 127 : 126;
    retire(context, live, entry, code);
    throw error;
  } finally {
    starting.resolve();
  }
}

/** The task's output; afterwards waits until inspect knows the exit code, since the CLI asks once and at once. */
async function* until(
  output: ExecSession["output"],
  ended: Promise<void>,
  settings: ExecSettings,
): AsyncGenerator<{ stream: "stdout" | "stderr"; bytes: Uint8Array }> {
  for await (const piece of output)
    if (piece.stream === "stdout" ? settings.AttachStdout : settings.AttachStderr) yield piece;
  await ended;
}

export async function resizeExec(context: Context, id: string, rows: number, columns: number): Promise<void> {
  const entry = find(context, id);
  // A client sends its terminal's size as soon as its start is accepted.
  await entry.starting;
  if (entry.task === undefined || !entry.exec.isRunning)
    throw new LongshoreError("conflict", `exec ${id} is not running`);
  await entry.task.resize(rows, columns);
}
