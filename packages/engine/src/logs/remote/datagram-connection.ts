import { once } from "node:events";
import { lookup } from "node:dns/promises";
import { createSocket, type Socket } from "node:dgram";
import { UnixDatagramSocket } from "#host";
import { type Clock, errno, unlessAborted } from "#kernel";
import { dialError } from "./stream-connection.ts";

/** Sends single messages. */
export interface DatagramConnection extends Disposable {
  readonly lost: AbortSignal;
  /** Answers false for a message that is too large to be sent at all. */
  send(message: Uint8Array, signal: AbortSignal): Promise<boolean>;
  /** Rejects when it turns out that the last message met nobody. */
  finish(signal: AbortSignal): Promise<void>;
}

/** How long a refusal of the last message may take. */
const REFUSAL_MS = 200;

/** A connected UDP socket: an ICMP "nobody listens there" makes it lost. Throws `unavailable` for a host without address. */
export async function openUdp(
  host: string,
  port: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<DatagramConnection> {
  const socket = await connectedUdp(host, port, signal);
  const gone = new AbortController();
  socket.on("error", (error) => gone.abort(error));
  return {
    lost: gone.signal,
    async send(message, stop) {
      gone.signal.throwIfAborted();
      const { promise, resolve, reject } = Promise.withResolvers<boolean>();
      socket.send(message, (error) => {
        if (error === null || error === undefined) resolve(true);
        else if (errno(error) === "EMSGSIZE") resolve(false);
        else reject(error);
      });
      promise.catch(() => {});
      return await unlessAborted(promise, stop);
    },
    async finish(stop) {
      await clock.sleep(REFUSAL_MS, AbortSignal.any([stop, gone.signal]));
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

async function connectedUdp(host: string, port: number, signal: AbortSignal): Promise<Socket> {
  try {
    const { address, family } = await unlessAborted(lookup(host), signal);
    const socket = createSocket(family === 6 ? "udp6" : "udp4");
    try {
      socket.connect(port, address);
      await once(socket, "connect", { signal });
      return socket;
    } catch (error) {
      socket.close();
      throw error;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw dialError("udp", `${host}:${port}`, error);
  }
}

const FIRST_WAIT_MS = 1;
const MAX_WAIT_MS = 50;

/** A connected unix datagram socket. A full queue is waited for; a reader that is gone shows at the next message. */
export function openUnixDatagram(path: string, clock: Clock): DatagramConnection {
  let socket: UnixDatagramSocket;
  try {
    socket = UnixDatagramSocket.connect(path);
  } catch (error) {
    throw dialError("unixgram", path, error);
  }
  return {
    lost: new AbortController().signal,
    async send(message, signal) {
      try {
        for (let waitMs = FIRST_WAIT_MS; !socket.send(message); waitMs = Math.min(waitMs * 2, MAX_WAIT_MS))
          await clock.sleep(waitMs, signal);
        return true;
      } catch (error) {
        if (errno(error) === "EMSGSIZE") return false;
        throw error;
      }
    },
    finish: async () => {},
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
