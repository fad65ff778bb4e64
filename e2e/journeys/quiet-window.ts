import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import type { WindowPlace } from "./window-under-test.ts";

/** A window that no driver holds awake: Playwright keeps a page visible and focused even when its window is hidden. */
export interface QuietWindow extends AsyncDisposable {
  /** Runs an expression in the main process, where `electron` is Electron's module; gives its value back as JSON does. */
  ask<T>(expression: string): Promise<T>;
}

/** Starts the app with the main process's inspector only; the page is reached as the app itself reaches it. */
export async function openQuietWindow(place: WindowPlace, args: readonly string[]): Promise<QuietWindow> {
  const child = spawn(place.runtime, ["--inspect=127.0.0.1:0", place.appFolder, ...place.flags, ...args], {
    env: place.env,
    stdio: ["ignore", "ignore", "pipe"],
  });
  try {
    const socket = new WebSocket(await inspectorAddress(child));
    await opened(socket);
    const evaluate = evaluator(socket);
    // Node's own start must not be disturbed by a question; Electron's comes after it and leaves this handler. A question may come in
    // the midst of that start, its modules half made: a timer's turn comes after it.
    const isUp = `globalThis.process?.listenerCount?.("uncaughtException") > 0`;
    while ((await evaluate(isUp)) !== true) await sleep(50);
    await evaluate("new Promise((done) => setTimeout(done, 0))");
    const electron = `process.getBuiltinModule("module").createRequire(process.execPath)("electron")`;
    return {
      ask: async <T>(expression: string): Promise<T> =>
        (await evaluate(`(async (electron) => (${expression}))(${electron})`)) as T,
      [Symbol.asyncDispose]: async () => {
        socket.close();
        child.kill("SIGTERM");
        if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      },
    };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

async function inspectorAddress(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error("the window's error output is not piped");
  const lines = createInterface({ input: child.stderr });
  for await (const line of lines) {
    const address = /Debugger listening on (ws:\S+)/.exec(line)?.[1];
    if (address === undefined) continue;
    // Read on, or a full pipe would stop the window.
    child.stderr.resume();
    return address;
  }
  throw new Error("the window ended before its inspector listened");
}

function opened(socket: WebSocket): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener("open", () => resolve(), { once: true });
  socket.addEventListener("error", () => reject(new Error("the window's inspector refused")), { once: true });
  return promise;
}

interface Reply {
  readonly id?: number;
  readonly error?: { readonly message: string };
  readonly result?: {
    readonly result?: { readonly value?: unknown };
    readonly exceptionDetails?: {
      readonly text: string;
      readonly exception?: { readonly description?: string };
    };
  };
}

function evaluator(socket: WebSocket): (expression: string) => Promise<unknown> {
  const waiting = new Map<number, (reply: Reply) => void>();
  let nextId = 1;
  socket.addEventListener("message", ({ data }) => {
    const reply = JSON.parse(String(data)) as Reply;
    waiting.get(reply.id ?? 0)?.(reply);
    waiting.delete(reply.id ?? 0);
  });
  return async (expression) => {
    const id = nextId++;
    const { promise, resolve } = Promise.withResolvers<Reply>();
    waiting.set(id, resolve);
    const params = { expression, awaitPromise: true, returnByValue: true };
    socket.send(JSON.stringify({ id, method: "Runtime.evaluate", params }));
    const { result, error } = await promise;
    const thrown = result?.exceptionDetails;
    if (error !== undefined || thrown !== undefined)
      throw new Error(
        `${expression} failed: ${error?.message ?? thrown?.exception?.description ?? thrown?.text}`,
      );
    return result?.result?.value;
  };
}
