import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { RawData, WebSocket, WebSocketServer } from "ws";
import type { Hijacked } from "./call.ts";

const NORMAL_CLOSURE = 1000;
/** Of one message that a client sends; stdin comes in many. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** Bytes on their way to the client; more waits. */
const WINDOW_BYTES = 256 * 1024;

let server: Promise<WebSocketServer> | undefined;

/** Loaded by need: few clients ask for one. */
async function loadServer(): Promise<WebSocketServer> {
  const ws = await import("ws");
  return new ws.WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
}

/**
 * Takes a connection over as a WebSocket: binary messages out, binary or text messages in. A handshake that is wrong is answered with
 * 400 and never resolves. Source: RFC 6455; Docker Engine API 1.51, ContainerAttachWebsocket.
 */
export async function acceptWebSocket(
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
  signal: AbortSignal,
): Promise<Hijacked> {
  const accepted = Promise.withResolvers<WebSocket>();
  server ??= loadServer();
  (await server).handleUpgrade(request, socket, head, accepted.resolve);
  const peer = await accepted.promise;
  peer.on("error", () => {}); // "close" follows
  signal.addEventListener("abort", () => peer.terminate(), { once: true });
  return {
    input: messagesOf(peer),
    async write(chunk) {
      signal.throwIfAborted();
      peer.send(chunk);
      if (peer.bufferedAmount > WINDOW_BYTES) await once(socket, "drain", { signal });
    },
    end: () => peer.close(NORMAL_CLOSURE),
  };
}

async function* messagesOf(peer: WebSocket): AsyncGenerator<Uint8Array> {
  const waiting: Uint8Array[] = [];
  let isClosed = false;
  let wake = (): void => {};
  peer.on("message", (data: RawData) => {
    waiting.push(bytesOf(data));
    // What the process has not taken stays in the socket.
    peer.pause();
    wake();
  });
  peer.on("close", () => {
    isClosed = true;
    wake();
  });
  for (;;) {
    const next = waiting.shift();
    if (next !== undefined) yield next;
    else if (isClosed) return;
    else {
      peer.resume();
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      if (waiting.length === 0 && !isClosed) await promise;
    }
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
