import { readFile } from "node:fs/promises";
import net from "node:net";
import { errno, LongshoreError, messageOf, unlessAborted } from "#kernel";

export type StreamAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | {
      readonly kind: "tls";
      readonly host: string;
      readonly port: number;
      readonly caFile?: string;
      readonly certFile?: string;
      readonly keyFile?: string;
      readonly isVerified: boolean;
    }
  | { readonly kind: "unix"; readonly path: string };

const KEEP_ALIVE_MS = 30_000;
const CONNECT_LIMIT_MS = 10_000;
/** How long the other side may take to read the rest and close. */
const FAREWELL_MS = 2000;

/** Go's words for a failed dial, which Docker's users know. */
const DIAL_FAILURES: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connect: connection refused",
  ENOENT: "connect: no such file or directory",
  EACCES: "connect: permission denied",
  EHOSTUNREACH: "connect: no route to host",
  ENETUNREACH: "connect: network is unreachable",
  EPROTOTYPE: "connect: protocol wrong type for socket",
  ETIMEDOUT: "i/o timeout",
};

export function dialError(network: string, place: string, error: unknown): LongshoreError {
  const why = DIAL_FAILURES[errno(error) ?? ""] ?? messageOf(error);
  return new LongshoreError("unavailable", `dial ${network} ${place}: ${why}`, { cause: error });
}

/** A connected TCP, TLS or unix stream that knows at once when the other side is gone, since it always reads. */
export class StreamConnection implements Disposable {
  readonly #socket: net.Socket;
  readonly #gone = new AbortController();
  readonly #closed: Promise<Error | undefined>;

  /** Throws `unavailable`, `dial tcp 127.0.0.1:514: connect: connection refused`. `received` gets what the other side says. */
  static async open(
    address: StreamAddress,
    signal: AbortSignal,
    received: (chunk: Uint8Array) => void = () => {},
  ): Promise<StreamConnection> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_LIMIT_MS)]);
    const place = address.kind === "unix" ? address.path : placeOf(address.host, address.port);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const socket = await dial(address);
    socket.once(address.kind === "tls" ? "secureConnect" : "connect", resolve);
    socket.once("error", reject);
    try {
      await unlessAborted(promise, limited);
    } catch (error) {
      socket.on("error", () => {});
      socket.destroy();
      signal.throwIfAborted();
      throw dialError(
        address.kind === "unix" ? "unix" : "tcp",
        place,
        limited.aborted ? new Error("i/o timeout") : error,
      );
    }
    socket.off("error", reject);
    return new StreamConnection(socket, received);
  }

  private constructor(socket: net.Socket, received: (chunk: Uint8Array) => void) {
    this.#socket = socket;
    // Kept for what comes between two turns of the reading loop.
    socket.on("error", () => {});
    this.#closed = this.#read(received);
    void this.#closed.then((error) =>
      this.#gone.abort(error ?? new Error("the other side closed the connection")),
    );
  }

  async #read(received: (chunk: Uint8Array) => void): Promise<Error | undefined> {
    try {
      for await (const chunk of this.#socket) received(chunk as Uint8Array);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(messageOf(error));
    }
  }

  get lost(): AbortSignal {
    return this.#gone.signal;
  }

  /** Resolves when the kernel has it all, waiting for a slow reader as long as it takes. */
  async write(bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#socket.write(bytes, (error) => (error == null ? resolve() : reject(error)));
    promise.catch(() => {});
    await unlessAborted(promise, signal);
    this.lost.throwIfAborted();
  }

  /** Ends our side; rejects when the other side broke off instead of reading to the end. */
  async finish(signal: AbortSignal): Promise<void> {
    this.#socket.end();
    const limit = AbortSignal.any([signal, AbortSignal.timeout(FAREWELL_MS)]);
    const error = await unlessAborted(this.#closed, limit).catch(() => undefined);
    if (error !== undefined) throw error;
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

const placeOf = (host: string, port: number): string =>
  net.isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

async function dial(address: StreamAddress): Promise<net.Socket> {
  const lively = { keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, noDelay: true };
  switch (address.kind) {
    case "unix":
      return net.connect({ path: address.path });
    case "tcp":
      return net.connect({ host: address.host, port: address.port, ...lively });
    case "tls":
      return process.getBuiltinModule("node:tls").connect({
        host: address.host,
        port: address.port,
        ...(!net.isIP(address.host) && { servername: address.host }),
        ...(address.caFile !== undefined && { ca: await readFile(address.caFile) }),
        ...(address.certFile !== undefined && { cert: await readFile(address.certFile) }),
        ...(address.keyFile !== undefined && { key: await readFile(address.keyFile) }),
        rejectUnauthorized: address.isVerified,
        ...lively,
      });
  }
}
