import { Worker } from "node:worker_threads";
import { LongshoreError, type Logger, programBeside } from "#kernel";
import type { DnsServer, ThreadedDnsServer } from "./contract.ts";

type Name = "setZone" | "attach" | "update" | "detach";
export type DnsCall = {
  readonly [N in Name]: { readonly id: number; readonly name: N; readonly given: Parameters<DnsServer[N]> };
}[Name];
interface DnsAnswer {
  readonly id: number;
  readonly failure?: string;
}
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** A thread that fails more often than this is not begun again: something kills each one. */
const MAX_RESTARTS = 5;
const RESTART_WINDOW_MS = 60_000;

export const startDnsWorker = (): Worker =>
  new Worker(programBeside("./dns-worker.ts", import.meta.url), { name: "dns", execArgv: [] });

/** Runs the server in a thread of its own, begun when it is first needed; one that ends unasked is begun anew. */
export function openDnsThread(log: Logger, startWorker: () => Worker = startDnsWorker): ThreadedDnsServer {
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  const restarts: number[] = [];
  let lastId = 0;
  let ended: Error | undefined;
  let onRestart = (): void => {};
  let worker: Worker | undefined;

  function rejectAll(error: Error): void {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  function begin(): Worker {
    const started = startWorker();
    let reason: unknown;
    started.on("message", ({ id, failure }: DnsAnswer) => {
      const call = waiting.get(id);
      waiting.delete(id);
      if (waiting.size === 0) started.unref();
      if (failure === undefined) call?.resolve();
      else call?.reject(new LongshoreError("internal", `DNS: ${failure}`));
    });
    started.on("error", (error) => (reason = error));
    started.on("exit", () => lost(reason));
    started.unref();
    return started;
  }

  function lost(reason: unknown): void {
    if (ended !== undefined) return;
    const failure = new LongshoreError("unavailable", "the DNS thread has failed", { cause: reason });
    rejectAll(failure);
    const now = performance.now();
    restarts.push(now);
    if (restarts.filter((at) => at > now - RESTART_WINDOW_MS).length > MAX_RESTARTS) {
      log.error(
        "the DNS thread fails again and again; containers have no names until the engine starts again",
        {
          error: reason,
        },
      );
      ended = failure;
      return;
    }
    log.warn("the DNS thread failed and is begun anew", { error: reason });
    worker = begin();
    onRestart();
  }

  const send = async (call: WithoutId<DnsCall>): Promise<void> => {
    if (ended) throw ended;
    const id = ++lastId;
    const settled = Promise.withResolvers<void>();
    waiting.set(id, settled);
    worker ??= begin();
    worker.ref();
    worker.postMessage({ ...call, id });
    return settled.promise;
  };
  return {
    expect() {
      if (ended === undefined) worker ??= begin();
    },
    setZone: async (...given) => {
      // Nothing to remove where there is no thread.
      if (worker !== undefined || given[1] !== undefined || ended) await send({ name: "setZone", given });
    },
    attach: async (...given) => send({ name: "attach", given }),
    update: async (...given) => send({ name: "update", given }),
    // Closing what a failed thread held is done with the thread.
    detach: async (...given) => {
      if (!ended && worker !== undefined) await send({ name: "detach", given });
    },
    onRestart(listener) {
      onRestart = listener;
    },
    [Symbol.asyncDispose]: async () => {
      ended ??= new LongshoreError("unavailable", "the DNS thread has ended");
      rejectAll(ended);
      await worker?.terminate();
    },
  };
}
