import { LongshoreError, messageOf, rfc3339Nano } from "#kernel";
import type { LogEntry } from "#logs";
import type { Call, Hijacked } from "../server/call.ts";
import { frame } from "../server/frames.ts";
import { LogPrinter } from "../server/log-frames.ts";
import { flag, timeNano } from "../server/query.ts";
import type { Route } from "../server/router.ts";
import { execShape, parseExec, parseExecStart } from "../wire/container-settings.ts";
import { sizeOf } from "./container-routes.ts";
import { DetachKeys } from "../server/detach-keys.ts";
import type { Rooms } from "./rooms.ts";

/** Attach, exec and logs: everything that streams a process's bytes. */
export function streamRoutes(rooms: Rooms): readonly Route[] {
  const { containers } = rooms;
  return [
    {
      method: "POST",
      path: "/containers/{id}/attach",
      takes: { query: ["detachKeys", "logs", "stream", "stdin", "stdout", "stderr"] },
      handle: (call) => attach(rooms, call, false),
    },
    {
      method: "GET",
      path: "/containers/{id}/attach/ws",
      takes: { query: ["detachKeys", "logs", "stream", "stdin", "stdout", "stderr"] },
      handle: (call) => attach(rooms, call, true),
    },
    {
      method: "GET",
      path: "/containers/{id}/logs",
      takes: { query: ["follow", "stdout", "stderr", "since", "until", "timestamps", "tail", "details"] },
      handle: (call) => logs(rooms, call),
    },
    {
      method: "POST",
      path: "/containers/{id}/exec",
      takes: { body: execShape },
      handle: async (call) => {
        const settings = parseExec(await call.json());
        DetachKeys.check(settings.DetachKeys, "escape");
        call.reply(201, { Id: await containers.createExec(call.parameter("id"), settings) });
      },
    },
    {
      method: "POST",
      path: "/exec/{id}/start",
      takes: { body: parseExecStart },
      handle: (call) => startExec(rooms, call),
    },
    {
      method: "POST",
      path: "/exec/{id}/resize",
      takes: { query: ["h", "w"] },
      handle: async (call) => {
        const { rows, columns } = sizeOf(call);
        await containers.resizeExec(call.parameter("id"), rows, columns);
        call.done(200);
      },
    },
    {
      method: "GET",
      path: "/exec/{id}/json",
      handle: async (call) => {
        const exec = containers.exec(call.parameter("id"));
        const { settings } = exec;
        call.reply(200, {
          ID: exec.id,
          Running: exec.isRunning,
          ExitCode: exec.exitCode,
          ProcessConfig: {
            tty: settings.Tty,
            entrypoint: settings.Cmd[0] ?? "",
            arguments: settings.Cmd.slice(1),
            privileged: settings.Privileged,
            ...(settings.User !== "" && { user: settings.User }),
          },
          OpenStdin: settings.AttachStdin,
          OpenStderr: settings.AttachStderr,
          OpenStdout: settings.AttachStdout,
          CanRemove: false,
          ContainerID: exec.containerId,
          DetachKeys: settings.DetachKeys,
          Pid: exec.pid,
        });
      },
    },
  ];
}

interface Conversation {
  readonly hasTty: boolean;
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void>;
  closeStdin(): Promise<void>;
  detached(): void;
}

/** Both directions of a hijacked connection. The client's half-close ends stdin only; the end of output ends the connection. */
async function converse(
  call: Call,
  wire: Hijacked,
  session: Conversation,
  how: { readonly isFramed: boolean; readonly hasStdin: boolean; readonly detachKeys: string },
): Promise<void> {
  const { isFramed, hasStdin, detachKeys } = how;
  const detached = new AbortController();
  const gone = AbortSignal.any([call.signal, detached.signal]);
  const keys = session.hasTty ? new DetachKeys(detachKeys) : undefined;
  const pump = async (): Promise<void> => {
    for await (const chunk of wire.input) {
      if (!hasStdin) continue;
      const { bytes, isDetached } = keys?.filter(chunk) ?? { bytes: chunk, isDetached: false };
      if (bytes.byteLength > 0) await session.writeStdin(bytes, gone);
      if (isDetached) {
        session.detached();
        return detached.abort(new Error("detach keys"));
      }
    }
    if (hasStdin) await session.closeStdin();
  };
  // Stdin may fail for good reasons (process gone): the output's end decides.
  const input = pump().catch(() => {});
  try {
    for await (const { stream, bytes } of abortable(session.output, gone))
      await wire.write(isFramed ? frame(stream, bytes) : bytes);
  } catch (error) {
    if (!gone.aborted)
      await wire
        .write(isFramed ? frame("error", Buffer.from(messageOf(error))) : Buffer.from(messageOf(error)))
        .catch(() => {});
  }
  wire.end();
  void input;
}

/** Ends quietly when the signal is aborted, also while the source is silent. */
async function* abortable<T>(source: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T> {
  const iterator = source[Symbol.asyncIterator]();
  const stopped = Promise.withResolvers<undefined>();
  const onAbort = (): void => stopped.resolve(undefined);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), stopped.promise]);
      if (next === undefined || next.done === true) return;
      yield next.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    void iterator.return?.()?.catch(() => {});
  }
}

async function attach(rooms: Rooms, call: Call, isWebSocket: boolean): Promise<void> {
  const { query } = call;
  // Before 1.42 a WebSocket always carries all three.
  const isAll = isWebSocket && call.minor < 42;
  const hasStdin = isAll || flag(query, "stdin");
  const options = {
    hasStdin,
    hasStdout: isAll || flag(query, "stdout"),
    hasStderr: isAll || flag(query, "stderr"),
    hasLogs: flag(query, "logs"),
    isStreaming: flag(query, "stream"),
  };
  DetachKeys.check(query.get("detachKeys") ?? "");
  await call.skipBody();
  const stop = new AbortController();
  const session = await rooms.containers.attach(
    call.parameter("id"),
    options,
    AbortSignal.any([call.signal, stop.signal]),
  );
  const wire = isWebSocket ? await call.webSocket() : call.hijack(session.hasTty);
  await converse(call, wire, session, {
    // A WebSocket carries both streams as they are.
    isFramed: !session.hasTty && !isWebSocket,
    hasStdin: hasStdin && options.isStreaming,
    detachKeys: query.get("detachKeys") ?? "",
  });
  stop.abort(new Error("attach ended"));
}

async function startExec(rooms: Rooms, call: Call): Promise<void> {
  const { containers } = rooms;
  const id = call.parameter("id");
  const { Detach, ConsoleSize } = parseExecStart(await call.json(), "");
  const { settings } = containers.exec(id);
  const never = new AbortController().signal;
  const options = {
    isDetached: Detach,
    ...(ConsoleSize !== undefined && call.minor >= 42 && { size: ConsoleSize }),
  };
  if (Detach) {
    await containers.startExec(id, options, never);
    return call.done(200);
  }
  // As Docker: the upgrade is answered before the process starts. docker-py reads the head with a buffer and loses what came with it.
  let wire: Hijacked | undefined;
  const onAccepted = (): void => void (wire = call.hijack(settings.Tty));
  let session: Conversation;
  try {
    session = await containers.startExec(id, { ...options, onAccepted }, never);
  } catch (error) {
    if (wire === undefined) throw error;
    // A process that cannot be started is text in the stream, and exit code 126 or 127.
    const text = Buffer.from(`${messageOf(error)}\r\n`);
    await wire.write(settings.Tty ? text : frame("stdout", text));
    return wire.end();
  }
  if (wire !== undefined)
    await converse(call, wire, session, {
      isFramed: !settings.Tty,
      hasStdin: settings.AttachStdin,
      detachKeys: settings.DetachKeys,
    });
}

async function logs(rooms: Rooms, call: Call): Promise<void> {
  const { query } = call;
  const hasStdout = flag(query, "stdout");
  const hasStderr = flag(query, "stderr");
  if (!hasStdout && !hasStderr)
    throw new LongshoreError("invalid", "Bad parameters: you must choose at least one stream");
  const tailText = query.get("tail") ?? "all";
  const tail = /^\d+$/.test(tailText) ? Number(tailText) : undefined;
  const sinceNano = timeNano(query, "since");
  const untilNano = timeNano(query, "until");
  const isFollowing = flag(query, "follow");
  const hasTimes = flag(query, "timestamps");
  const hasDetails = flag(query, "details");
  const { hasTty, details, entries } = await rooms.containers.logs(
    call.parameter("id"),
    {
      hasStdout,
      hasStderr,
      isFollowing,
      hasTimes,
      ...(tail !== undefined && { tail }),
      ...(sinceNano !== undefined && sinceNano > 0n && { sinceNano }),
      ...(untilNano !== undefined && untilNano > 0n && { untilNano }),
    },
    call.signal,
  );
  call.startStream(
    hasTty || call.minor < 42
      ? "application/vnd.docker.raw-stream"
      : "application/vnd.docker.multiplexed-stream",
  );
  const prefixOf = (entry: LogEntry): string =>
    (hasTimes ? `${rfc3339Nano(entry.timeNano)} ` : "") + (hasDetails ? `${details} ` : "");
  const printer = new LogPrinter({
    frames: hasTty ? "none" : isFollowing || !isDockerCli(call) ? "line" : "joined",
    prefixOf: hasTimes || hasDetails ? prefixOf : undefined,
  });
  for await (const batch of entries) await call.flush(printer.print(batch));
  call.response.end();
}

/**
 * The docker CLI writes what comes to its own stdout and stderr; other clients hand frames to their callers, who take them for lines.
 * docker-py borrows the CLI's name from config.json's HttpHeaders, but says what it accepts, which the CLI does not.
 */
function isDockerCli({ headers }: Call): boolean {
  return headers["user-agent"]?.startsWith("Docker-Client/") === true && headers.accept === undefined;
}
