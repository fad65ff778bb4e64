import { Worker } from "node:worker_threads";
import { programBeside } from "#kernel";
import type { NetworkKernel, NetworkThread } from "../contract.ts";

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

/** Starts the thread. The caller has used libuv's pool before (a pool born in another namespace would stay there). */
export function openNetworkThread(): NetworkThread {
  const worker = new Worker(programBeside("./network-worker.ts", import.meta.url), {
    name: "network",
    // Flags of the engine (an --input-type, an inspector) are not for its threads.
    execArgv: [],
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let lastId = 0;
  let ended: Error | undefined;
  let isDisposed = false;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on("message", (answer: NetworkAnswer) => {
    const call = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0 && !isDisposed) worker.unref();
    if (answer.failure) call?.reject(new NetworkCallError(answer.failure.message, answer.failure.code));
    else call?.resolve(answer.value);
  });
  worker.on("error", (error) => end(error instanceof Error ? error : new Error(String(error))));
  const exited = Promise.withResolvers<void>();
  worker.on("exit", () => {
    end(new Error("the network thread has ended"));
    exited.resolve();
  });
  worker.unref();

  const call = async (name: keyof NetworkKernel, given: readonly unknown[]): Promise<unknown> => {
    if (ended) throw ended;
    const id = ++lastId;
    const settled = Promise.withResolvers<unknown>();
    waiting.set(id, settled);
    // While an answer is due, the program must not end.
    worker.ref();
    worker.postMessage({ id, name, given } satisfies NetworkRequest);
    return settled.promise;
  };
  const dispose = async (): Promise<void> => {
    if (isDisposed) return await exited.promise;
    isDisposed = true;
    end(new Error("the network thread has ended"));
    // Not terminate(): a thread that is stopped while it loads koffi, or inside of it, takes the process with it.
    worker.ref();
    worker.postMessage(END);
    await exited.promise;
  };
  // Every other property is the call of that name: the type NetworkThread says which there are.
  return new Proxy({} as NetworkThread, {
    get: (_target, property) => {
      if (property === Symbol.asyncDispose) return dispose;
      if (typeof property === "symbol" || property === "then") return undefined;
      return async (...given: readonly unknown[]) => call(property as keyof NetworkKernel, given);
    },
  });
}
