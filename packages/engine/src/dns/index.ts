import type { Worker } from "node:worker_threads";
import type { Logger } from "#kernel";
import type { ThreadedDnsServer } from "./contract.ts";
export { startDnsWorker } from "./dns-thread.ts";
import { openDnsThread, startDnsWorker } from "./dns-thread.ts";

export type * from "./contract.ts";

/** Opens the server in a thread of its own; it answers nothing until sandboxes are attached. */
export function openDnsServer(log: Logger, startWorker: () => Worker = startDnsWorker): ThreadedDnsServer {
  return openDnsThread(log.child("dns"), startWorker);
}
