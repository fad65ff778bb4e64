import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";

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
  const serve = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = "", url = "", headers } = incoming;
    // Whole, before anybody answers: who still writes to a connection that is closed never sees the answer.
    const body = await buffer(incoming);
    const say = (answer: Instead): void => {
      outgoing.writeHead(answer.status, { "Content-Type": "application/json", Connection: "close" });
      outgoing.end(JSON.stringify(answer.body));
    };
    const answer = instead(method, url);
    if (answer !== undefined) {
      say(answer);
      return;
    }
    // A connection for each request on both sides: none closes just as it is taken again.
    const asked = {
      socketPath: engineSocket,
      method,
      path: url,
      headers: { ...headers, connection: "close" },
      agent: false as const,
    };
    const passed = request(asked, (reply) => {
      const { "keep-alive": _hint, ...rest } = reply.headers;
      outgoing.writeHead(reply.statusCode ?? 502, { ...rest, connection: "close" });
      outgoing.flushHeaders();
      reply.pipe(outgoing);
    });
    passed.on("error", (error) => {
      if (outgoing.headersSent) outgoing.destroy();
      else say({ status: 502, body: { message: `the proxy lost the engine: ${error.message}` } });
    });
    outgoing.once("close", () => passed.destroy());
    passed.end(body);
  };
  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch(() => outgoing.destroy());
  });
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
