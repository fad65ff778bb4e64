import { parentPort } from "node:worker_threads";
import { NetworkCalls } from "./network-calls.ts";
import { END, perform, type NetworkRequest } from "./network-thread.ts";

/** The one thread that changes network namespaces. Everything in it is synchronous, so no two switches ever overlap. */

const calls = new NetworkCalls();

parentPort?.on("message", (request: NetworkRequest | typeof END) => {
  if (request !== END) return parentPort?.postMessage(perform(calls, request));
  calls[Symbol.dispose]();
  parentPort?.close();
});
