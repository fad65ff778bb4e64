import { createServer, request } from "node:http";
import { once } from "node:events";

/** What a proxy says instead of the engine. */
export interface Instead {
  readonly status: number;
  readonly body: object;
}

/** An engine at `socketPath` that is the one at `engineSocket`, but for what `instead` answers. No hijacked streams. */
export async function openProxy(
  engineSocket: string,
  socketPath: string,
  instead: (method: string, path: string) => Instead | undefined,
): Promise<AsyncDisposable> {
  const server = createServer((incoming, outgoing) => {
    const { method = "", url = "", headers } = incoming;
    const answer = instead(method, url);
    if (answer !== undefined) {
      outgoing.writeHead(answer.status, { "Content-Type": "application/json" });
      outgoing.end(JSON.stringify(answer.body));
      return;
    }
    // A connection each: one that was given up must not be another's.
    const asked = { socketPath: engineSocket, method, path: url, headers, agent: false as const };
    const passed = request(asked, (reply) => {
      outgoing.writeHead(reply.statusCode ?? 502, reply.headers);
      outgoing.flushHeaders();
      reply.pipe(outgoing);
    });
    passed.once("error", () => outgoing.destroy());
    outgoing.once("close", () => passed.destroy());
    incoming.pipe(passed);
  });
  // The client keeps connections longer than this server would.
  server.keepAliveTimeout = 0;
  server.listen(socketPath);
  await once(server, "listening");
  return {
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
