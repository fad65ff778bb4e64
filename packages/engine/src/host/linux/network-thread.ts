import { Worker } from "node:worker_threads";
import { errno, messageOf, programBeside } from "#kernel";
import type { NetworkKernel, NetworkThread } from "../contract.ts";
import { NetworkCalls } from "./network-calls.ts";

export interface NetworkRequest {
  readonly id: number;
  readonly name: keyof NetworkKernel;
  readonly given: readonly unknown[];
}
/** The thread ends after the calls before it. */
export const END = "end";
export interface NetworkAnswer {
  readonly id: number;
  readonly value?: unknown;
  readonly failure?: { readonly code: string | undefined; readonly message: string };
}

/** A call that the network thread refused; `code` is the errno's name. */
export class NetworkCallError extends Error {
  override readonly name: string = "NetworkCallError";
  readonly code: string | undefined;

  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

/** Calls that leave their thread where it is. */
const AT_HOME: ReadonlySet<string> = new Set([
  "dropSandbox",
  "ensureBridge",
  "removeLink",
  "listBridges",
  "listSubnets",
  "changeElements",
  "removeTable",
  "listForwardDrops",
  "listPins",
  "isPinned",
  "setHostSysctl",
] satisfies (keyof NetworkKernel)[]);

/** Begins the thread by need. The caller has used libuv's pool before (a pool born in another namespace would stay there). */
export function openNetworkThread(): NetworkThread {
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  let ended: Error | undefined;
  let isDisposed = false;
  let worker: Worker | undefined;
  // What an engine without a container needs of the network is less work than a thread's start.
  let own: NetworkCalls | undefined;
  const exited = Promise.withResolvers<void>();
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };

  function begin(): Worker {
    own?.[Symbol.dispose]();
    own = undefined;
    const started = new Worker(programBeside("./network-worker.ts", import.meta.url), {
      name: "network",
      // Flags of the engine (an --input-type, an inspector) are not for its threads.
      execArgv: [],
    });
    started.on("message", (answer: NetworkAnswer) => {
      const settled = waiting.get(answer.id);
      waiting.delete(answer.id);
      if (waiting.size === 0 && !isDisposed) started.unref();
      if (settled !== undefined) settle(settled, answer);
    });
    started.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
    started.on("exit", () => {
      end(new Error("the network thread has ended"));
      exited.resolve();
    });
    started.unref();
    return started;
  }

  const call = async (name: keyof NetworkKernel, given: readonly unknown[]): Promise<unknown> => {
    if (ended) throw ended;
    const request: NetworkRequest = { id: ++lastId, name, given };
    const settled = Promise.withResolvers<unknown>();
    if (worker === undefined && AT_HOME.has(name))
      settle(settled, perform((own ??= new NetworkCalls()), request));
    else {
      waiting.set(request.id, settled);
      worker ??= begin();
      // While an answer is due, the program must not end.
      worker.ref();
      worker.postMessage(request);
    }
    return settled.promise;
  };
  const dispose = async (): Promise<void> => {
    if (isDisposed) return await exited.promise;
    isDisposed = true;
    end(new Error("the network thread has ended"));
    own?.[Symbol.dispose]();
    if (worker === undefined) return exited.resolve();
    // Not terminate(): a thread that is stopped while it loads koffi, or inside of it, takes the process with it.
    worker.ref();
    worker.postMessage(END);
    await exited.promise;
  };
  const expect = (): void => {
    if (!ended) worker ??= begin();
  };
  // Every other property is the call of that name: the type NetworkThread says which there are.
  return new Proxy({} as NetworkThread, {
    get: (_target, property) => {
      if (property === Symbol.asyncDispose) return dispose;
      if (property === "expect") return expect;
      if (typeof property === "symbol" || property === "then") return undefined;
      return async (...given: readonly unknown[]) => call(property as keyof NetworkKernel, given);
    },
  });
}

function settle(settled: PromiseWithResolvers<unknown>, { failure, value }: NetworkAnswer): void {
  if (failure) settled.reject(new NetworkCallError(failure.message, failure.code));
  else settled.resolve(value);
}

/** What `calls` answers in this thread. */
export function perform(calls: NetworkCalls, { id, name, given }: NetworkRequest): NetworkAnswer {
  try {
    // The caller's type is NetworkCalls itself, so name and arguments fit.
    const method = calls[name] as (...given: readonly unknown[]) => unknown;
    return { id, value: method.apply(calls, [...given]) };
  } catch (error) {
    return { id, failure: { code: errno(error), message: messageOf(error) } };
  }
}
