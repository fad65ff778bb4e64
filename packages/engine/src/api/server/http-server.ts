import { randomBytes } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { createServer, ServerResponse, type IncomingMessage, type Server } from "node:http";
import type { Socket } from "node:net";
import { isKind, type Logger, messageOf, MiB } from "#kernel";
import type { Answer, Authorizer } from "../authorization/authorizer.ts";
import { reviewedResponse } from "../authorization/reviewed-response.ts";
import { Call } from "./call.ts";
import type { Certificates } from "./certificates.ts";
import { errorReply } from "./errors.ts";
import { MAX_MINOR, type Router } from "./router.ts";
import { sleepWithoutConnections } from "./sleeping-server.ts";

const MAX_HEADER_BYTES = MiB;
const HANDSHAKE_LIMIT_MS = 10_000;

/** Where to listen: a unix socket path or a TCP address. */
export type Listen =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number };

const HTTP_OPTIONS = {
  maxHeaderSize: MAX_HEADER_BYTES,
  keepAlive: true,
  noDelay: true,
  requestTimeout: 0,
  keepAliveTimeout: 0,
} as const;

/** The HTTP face of the engine. Disposing ends every connection; handlers see their signal aborted. */
export class HttpServer implements AsyncDisposable {
  readonly #router: Router;
  readonly #log: Logger;
  readonly #engineVersion: string;
  readonly #authorizer: Authorizer | undefined;
  readonly #Response: typeof ServerResponse;
  readonly #stop = new AbortController();
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  /** Without an authorizer every request is allowed. */
  constructor(router: Router, log: Logger, engineVersion: string, authorizer?: Authorizer) {
    this.#router = router;
    this.#log = log;
    this.#engineVersion = engineVersion;
    this.#authorizer = authorizer;
    this.#Response =
      authorizer === undefined
        ? ServerResponse
        : reviewedResponse((request, answer) => this.#review(authorizer, request, answer));
  }

  /** Listens on one address, on TCP by TLS when there are certificates. */
  async listen(
    where: Listen,
    certificates?: Certificates,
    handshakeLimitMs: number = HANDSHAKE_LIMIT_MS,
  ): Promise<void> {
    const server =
      where.kind === "unix" || certificates === undefined
        ? createServer({ ...HTTP_OPTIONS, ServerResponse: this.#Response })
        : this.#tlsServer(certificates, handshakeLimitMs);
    server.timeout = 0;
    sleepWithoutConnections(server);
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    server.on("request", (request, response) => void this.#serve(request, response));
    server.on("upgrade", (request, socket, head) => {
      const plain = socket as Socket;
      plain.on("error", () => {});
      const response = new this.#Response(request);
      response.assignSocket(plain);
      // Never of a connection that was taken over.
      response.once("finish", () => plain.end());
      void this.#serve(request, response, { socket: plain, head });
    });
    if (where.kind === "unix") {
      await rm(where.path, { force: true });
      const before = process.umask(0o177);
      try {
        await listening(server, { path: where.path });
      } finally {
        process.umask(before);
      }
      await chmod(where.path, 0o600);
    } else await listening(server, { host: where.host, port: where.port });
    this.#servers.push(server);
  }

  #tlsServer({ cert, key, clientCa }: Certificates, handshakeLimitMs: number): Server {
    // Loaded by need: TLS reads the machine's authorities as soon as it is there, and few engines serve by it.
    const server = process.getBuiltinModule("node:https").createServer({
      ...HTTP_OPTIONS,
      ServerResponse: this.#Response,
      // Node's TLS server alone ends its side with the client's: stdin's end would cut the output.
      allowHalfOpen: true,
      minVersion: "TLSv1.2",
      handshakeTimeout: handshakeLimitMs,
      cert,
      key,
      ...(clientCa !== undefined && { ca: [...clientCa], requestCert: true, rejectUnauthorized: true }),
    });
    server.on("tlsClientError", (error, socket) => {
      this.#log.debug("TLS client refused", { peer: socket.remoteAddress ?? "", reason: messageOf(error) });
      socket.destroy();
    });
    return server;
  }

  async #serve(
    request: IncomingMessage,
    response: ServerResponse,
    upgrade?: { socket: Socket; head: Buffer },
  ): Promise<void> {
    const stop = new AbortController();
    const giveUp = (): void => stop.abort(new Error("client went away"));
    // A kept connection serves many requests: only an upgraded one may hang a listener on its socket.
    if (upgrade !== undefined) upgrade.socket.once("close", giveUp);
    response.once("close", () => {
      if (!response.writableFinished && upgrade === undefined) giveUp();
    });
    response.setHeader("Api-Version", `1.${MAX_MINOR}`);
    response.setHeader("Docker-Experimental", "false");
    response.setHeader("Ostype", "linux");
    response.setHeader("Server", `Docker/${this.#engineVersion} (linux)`);
    try {
      const { route, parameters, query, minor } = this.#router.match(
        request.method ?? "GET",
        request.url ?? "/",
      );
      const call = new Call({
        request,
        response,
        parameters,
        query,
        minor,
        signal: stop.signal,
        ...(upgrade !== undefined && { upgrade }),
      });
      if (this.#authorizer !== undefined)
        await this.#authorizer.askRequest(request, (limit) => call.peekBody(limit), stop.signal);
      await route.handle(call);
    } catch (error) {
      if (!stop.signal.aborted) this.#fail(request, response, error, upgrade?.socket);
    } finally {
      // A body that nobody read would block the connection's next request.
      if (!request.readableEnded && upgrade === undefined) request.resume();
    }
  }

  #fail(
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    socket: Socket | undefined,
  ): void {
    const id = randomBytes(6).toString("hex");
    const { status, message, isBug } = errorReply(error, id);
    const facts = { request: id, method: request.method, url: request.url?.split("?", 1)[0], status };
    if (isBug) this.#log.error("request failed by a bug", { ...facts, error });
    else if (!isKind(error, "unchanged")) this.#log.debug("request refused", { ...facts, reason: message });
    if (response.headersSent) {
      // Too late for a status: the stream is cut, so that the client does not take it for complete.
      response.destroy();
      socket?.destroy();
      return;
    }
    if (status === 304) {
      response.writeHead(304);
      response.end();
    } else {
      const text = `${JSON.stringify({ message })}\n`;
      response.writeHead(status, {
        "Content-Type": "application/json",
        "Content-Length": Buffer.byteLength(text),
      });
      response.end(text);
    }
  }

  async #review(
    authorizer: Authorizer,
    request: IncomingMessage,
    answer: Answer,
  ): Promise<Answer | undefined> {
    try {
      await authorizer.askResponse(request, answer, this.#stop.signal);
      return undefined;
    } catch (error) {
      const { status, message } = errorReply(error, "of a plugin");
      const body = Buffer.from(`${JSON.stringify({ message })}\n`);
      const headers = { "Content-Type": "application/json", "Content-Length": body.byteLength };
      return { status, headers, body };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#servers.map(
      (server) => new Promise<void>((resolve) => server.close(() => resolve())),
    );
    this.#stop.abort(new Error("the engine stops"));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }
}

function listening(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(where, () => {
    server.off("error", reject);
    resolve();
  });
  return promise;
}
