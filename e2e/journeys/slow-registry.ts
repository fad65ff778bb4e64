import { once } from "node:events";
import { createServer, request, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { startRegistry } from "@longshore/testkit";

const PIECE_BYTES = 16 * 1024;

/** A real registry behind a proxy that can slow blobs down, so that progress can be seen and a pull be cancelled midway. */
export interface SlowRegistry extends AsyncDisposable {
  readonly host: string;
  /** Bytes per second of each blob; undefined is full speed. */
  setRate(bytesPerSecond: number | undefined): void;
  /** Blobs on their way now. */
  openBlobs(): number;
}

export async function startSlowRegistry(): Promise<SlowRegistry> {
  const registry = await startRegistry();
  const [hostname = "", port = ""] = registry.host.split(":");
  let rate: number | undefined;
  let open = 0;
  const server = createServer((asked, answer) => {
    const onward = request(
      { hostname, port, path: asked.url, method: asked.method, headers: asked.headers },
      (came) => {
        answer.writeHead(came.statusCode ?? 502, came.headers);
        const isBlob = asked.method === "GET" && (asked.url ?? "").includes("/blobs/");
        if (!isBlob || rate === undefined) came.pipe(answer);
        else {
          open++;
          void trickle(came, answer, () => rate).finally(() => open--);
        }
      },
    );
    onward.on("error", () => answer.destroy());
    asked.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    setRate: (next) => (rate = next),
    openBlobs: () => open,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await registry[Symbol.asyncDispose]();
    },
  };
}

async function trickle(
  from: IncomingMessage,
  to: ServerResponse,
  rate: () => number | undefined,
): Promise<void> {
  const gone = new AbortController();
  to.once("close", () => gone.abort());
  try {
    for await (const chunk of from as AsyncIterable<Buffer>)
      for (let at = 0; at < chunk.length && !gone.signal.aborted; at += PIECE_BYTES) {
        const piece = chunk.subarray(at, at + PIECE_BYTES);
        to.write(piece);
        const now = rate();
        if (now !== undefined) await sleep((piece.length / now) * 1000, undefined, { signal: gone.signal });
      }
    to.end();
  } catch {
    // Either side went away: that is what a cancelled pull looks like from here.
    from.destroy();
  }
}
