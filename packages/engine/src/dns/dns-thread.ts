import { Worker } from "node:worker_threads";
import { LongshoreError, type Logger, programBeside } from "#kernel";
import type { DnsServer } from "./contract.ts";

type Name = "setZone" | "attach" | "update" | "detach";
export type DnsCall = {
  readonly [N in Name]: { readonly id: number; readonly name: N; readonly given: Parameters<DnsServer[N]> };
}[Name];
interface DnsAnswer {
  readonly id: number;
  readonly failure?: string;
}
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** Runs the server in a thread of its own. */
export function openDnsThread(log: Logger): DnsServer {
  const worker = new Worker(programBeside("./dns-worker.ts", import.meta.url), {
    name: "dns",
    execArgv: [],
  });
  const waiting = new Map<number, PromiseWithResolvers<void>>();
  let lastId = 0;
  let ended: Error | undefined;
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on("message", ({ id, failure }: DnsAnswer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    if (failure === undefined) call?.resolve();
    else call?.reject(new LongshoreError("internal", `DNS: ${failure}`));
  });
  worker.on("error", (error) => {
    log.error("the DNS thread failed; containers have no names until the engine starts again", { error });
    end(new LongshoreError("unavailable", "the DNS thread has failed", { cause: error }));
  });
  worker.unref();
  const send = async (call: WithoutId<DnsCall>): Promise<void> => {
    if (ended) throw ended;
    const id = ++lastId;
    const settled = Promise.withResolvers<void>();
    waiting.set(id, settled);
    worker.ref();
    worker.postMessage({ ...call, id });
    return settled.promise;
  };
  return {
    setZone: async (...given) => send({ name: "setZone", given }),
    attach: async (...given) => send({ name: "attach", given }),
    update: async (...given) => send({ name: "update", given }),
    // Closing what a failed thread held is done with the thread.
    detach: async (...given) => (ended ? undefined : send({ name: "detach", given })),
    [Symbol.asyncDispose]: async () => {
      end(new LongshoreError("unavailable", "the DNS thread has ended"));
      await worker.terminate();
    },
  };
}
