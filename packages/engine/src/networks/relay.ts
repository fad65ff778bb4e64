import dgram from "node:dgram";
import net from "node:net";
import { errno, type Logger } from "#kernel";

/** Where a held port passes on what the kernel did not rewrite itself. */
export interface RelayTarget {
  readonly address: string;
  readonly port: number;
}

/** A port of the host, bound. Until `relayTo` it accepts and drops. */
export interface HeldPort extends AsyncDisposable {
  relayTo(target: RelayTarget): void;
}

const UDP_IDLE_MS = 90_000;
const UDP_PEERS_MAX = 1024;
const CONNECT_TIMEOUT_MS = 10_000;

/** Binds address and port; rejects with the socket's own error (EADDRINUSE, EACCES, EADDRNOTAVAIL). */
export async function holdTcp(address: string, port: number, log: Logger): Promise<HeldPort> {
  let target: RelayTarget | undefined;
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (inside) => {
    if (target === undefined) return void inside.destroy();
    const outside = net.connect({ host: target.address, port: target.port, allowHalfOpen: true });
    outside.setTimeout(CONNECT_TIMEOUT_MS, () => outside.destroy());
    outside.once("connect", () => outside.setTimeout(0));
    for (const [one, other] of [
      [inside, outside],
      [outside, inside],
    ] as const) {
      sockets.add(one);
      one.on("close", () => {
        sockets.delete(one);
        // Half a connection may end by itself; a broken one takes its other half along.
        if (one.destroyed && !one.readableEnded) other.destroy();
      });
      one.on("error", () => other.destroy());
      one.pipe(other);
    }
    inside.resume();
  });
  const ready = Promise.withResolvers<void>();
  server.once("error", ready.reject);
  server.listen({ host: address, port, ipv6Only: true, exclusive: true }, ready.resolve);
  await ready.promise;
  server.removeListener("error", ready.reject);
  server.on("error", (error) => log.warn("relay failed", { address, port, error }));
  return {
    relayTo: (next) => {
      target = next;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export async function holdUdp(address: string, port: number, log: Logger): Promise<HeldPort> {
  let target: RelayTarget | undefined;
  const type = net.isIPv6(address) ? "udp6" : "udp4";
  const front = dgram.createSocket({ type, ipv6Only: type === "udp6" });
  const peers = new Map<string, { back: dgram.Socket; timer: NodeJS.Timeout }>();
  const forget = (key: string): void => {
    const peer = peers.get(key);
    if (peer === undefined) return;
    peers.delete(key);
    clearTimeout(peer.timer);
    peer.back.close();
  };
  front.on("message", (bytes, from) => {
    if (target === undefined) return;
    const key = `${from.address} ${from.port}`;
    let peer = peers.get(key);
    if (peer === undefined) {
      if (peers.size >= UDP_PEERS_MAX) return;
      const back = dgram.createSocket(net.isIPv6(target.address) ? "udp6" : "udp4");
      back.on("message", (answer) => front.send(answer, from.port, from.address));
      back.on("error", () => forget(key));
      peer = { back, timer: setTimeout(() => forget(key), UDP_IDLE_MS) };
      peer.timer.unref();
      peers.set(key, peer);
    }
    peer.timer.refresh();
    peer.back.send(bytes, target.port, target.address);
  });
  const ready = Promise.withResolvers<void>();
  front.once("error", ready.reject);
  front.bind({ address, port, exclusive: true }, ready.resolve);
  try {
    await ready.promise;
  } catch (error) {
    front.close();
    throw error;
  }
  front.removeListener("error", ready.reject);
  front.on("error", (error) => log.warn("relay failed", { address, port, error }));
  return {
    relayTo: (next) => {
      target = next;
    },
    [Symbol.asyncDispose]: async () => {
      for (const key of peers.keys()) forget(key);
      await new Promise<void>((resolve) => front.close(() => resolve()));
    },
  };
}

/** True when the host has no such address family at all. */
export function isFamilyMissing(error: unknown): boolean {
  return ["EAFNOSUPPORT", "EADDRNOTAVAIL", "EPROTONOSUPPORT"].includes(errno(error) ?? "");
}
