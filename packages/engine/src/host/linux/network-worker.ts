import { parentPort } from "node:worker_threads";
import { errno, messageOf } from "#kernel";
import { NetworkCalls } from "./network-calls.ts";
import { END, type NetworkAnswer, type NetworkRequest } from "./network-thread.ts";

/** The one thread that changes network namespaces. Everything in it is synchronous, so no two switches ever overlap. */

const calls = new NetworkCalls();

function answer(request: NetworkRequest): NetworkAnswer {
  try {
    // The caller's type is NetworkCalls itself, so name and arguments fit.
    const method = calls[request.name] as (...given: readonly unknown[]) => unknown;
    return { id: request.id, value: method.apply(calls, [...request.given]) };
  } catch (error) {
    return { id: request.id, failure: { code: errno(error), message: messageOf(error) } };
  }
}

parentPort?.on("message", (request: NetworkRequest | typeof END) => {
  if (request !== END) return parentPort?.postMessage(answer(request));
  calls[Symbol.dispose]();
  parentPort?.close();
});
