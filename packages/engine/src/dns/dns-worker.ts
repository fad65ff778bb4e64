import { parentPort } from "node:worker_threads";
import { messageOf } from "#kernel";
import { AnsweringServer } from "./answering-server.ts";
import type { DnsCall } from "./dns-thread.ts";

/** The thread that answers: what containers ask, however much, never holds up the engine. */

const server = new AnsweringServer();

async function take(call: DnsCall): Promise<void> {
  switch (call.name) {
    case "setZone":
      return server.setZone(...call.given);
    case "attach":
      return server.attach(...call.given);
    case "update":
      return server.update(...call.given);
    case "detach":
      return server.detach(...call.given);
  }
}

// In their order: the next begins when the one before has ended.
let last: Promise<void> = Promise.resolve();
parentPort?.on("message", (call: DnsCall) => {
  last = last.then(async () => {
    try {
      await take(call);
      parentPort?.postMessage({ id: call.id });
    } catch (error) {
      parentPort?.postMessage({ id: call.id, failure: messageOf(error) });
    }
  });
});
