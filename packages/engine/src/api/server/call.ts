import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { once } from "node:events";
import { LongshoreError, MiB, unlessAborted } from "#kernel";
import { acceptWebSocket } from "./web-socket.ts";
import { parseJsonBody, readJsonBody } from "./body.ts";

/** A connection taken over for raw bytes both ways. */
export interface Hijacked {
  /** What the client sends; ends at its half-close. */
  readonly input: AsyncIterable<Uint8Array>;
  /** Waits while the client is slow. Throws the signal's reason when it is gone. */
  write(chunk: Uint8Array): Promise<void>;
  end(): void;
}

/** One request on its way through a handler. */
export class Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Minor of the API version asked for (1.x); the newest when unversioned. */
  readonly minor: number;
  readonly signal: AbortSignal;
  #draining: Promise<unknown> | undefined;
  readonly #upgrade: { readonly socket: Socket; rest: Buffer } | undefined;

  constructor(parts: {
    request: IncomingMessage;
    response: ServerResponse;
    parameters: Readonly<Record<string, string>>;
    query: URLSearchParams;
    minor: number;
    signal: AbortSignal;
    upgrade?: { socket: Socket; head: Buffer };
  }) {
    this.request = parts.request;
    this.response = parts.response;
    this.parameters = parts.parameters;
    this.query = parts.query;
    this.minor = parts.minor;
    this.signal = parts.signal;
    this.#upgrade =
      parts.upgrade === undefined ? undefined : { socket: parts.upgrade.socket, rest: parts.upgrade.head };
  }

  get headers(): IncomingHttpHeaders {
    return this.request.headers;
  }

  parameter(name: string): string {
    return this.parameters[name] ?? "";
  }

  /** The JSON body. On an upgrade Node leaves it on the socket: its Content-Length bytes are read here, before any stdin. */
  async json(): Promise<Readonly<Record<string, unknown>>> {
    if (this.#upgrade === undefined) return await readJsonBody(this.request);
    return parseJsonBody(await this.#bodyOf(this.#upgrade), this.headers["content-type"]);
  }

  /** Reads past a body that means nothing before the connection is taken over: it is no stdin. */
  async skipBody(): Promise<void> {
    if (this.#upgrade !== undefined) await this.#bodyOf(this.#upgrade);
  }

  async #bodyOf(upgrade: { readonly socket: Socket; rest: Buffer }): Promise<Buffer> {
    const length = Number(this.headers["content-length"] ?? 0);
    if (!Number.isInteger(length) || length < 0 || length > MiB)
      throw new LongshoreError(
        "invalid",
        `invalid Content-Length "${String(this.headers["content-length"])}" on an upgrade`,
      );
    return await this.#take(upgrade, length);
  }

  /** The body as the handler will read it later. Throws `invalid` when it has more than `limitBytes`. */
  async peekBody(limitBytes: number): Promise<Buffer> {
    const tooLarge = (): LongshoreError =>
      new LongshoreError(
        "invalid",
        `request body too large for authorization plugin: size exceeds ${limitBytes} bytes`,
      );
    const length = Number(this.headers["content-length"] ?? 0);
    if (length > limitBytes) throw tooLarge();
    if (this.#upgrade !== undefined) {
      const body = await this.#take(this.#upgrade, length);
      this.#upgrade.rest = Buffer.concat([body, this.#upgrade.rest]);
      return body;
    }
    if (length === 0 && this.headers["transfer-encoding"] === undefined) return Buffer.alloc(0);
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    for (;;) {
      const chunk = this.request.read() as Buffer | null;
      sizeBytes += chunk?.byteLength ?? 0;
      if (sizeBytes > limitBytes) throw tooLarge();
      if (chunk !== null) chunks.push(chunk);
      // Before the stream has told its end, what was read can still be put back.
      if (this.request.complete && this.request.readableLength === 0) break;
      if (chunk === null) await once(this.request, "readable", { signal: this.signal });
    }
    const body = Buffer.concat(chunks, sizeBytes);
    if (sizeBytes > 0) this.request.unshift(body);
    return body;
  }

  async #take(upgrade: { readonly socket: Socket; rest: Buffer }, length: number): Promise<Buffer> {
    while (upgrade.rest.length < length) {
      const chunk = upgrade.socket.read() as Buffer | null;
      if (chunk !== null) upgrade.rest = Buffer.concat([upgrade.rest, chunk]);
      else await once(upgrade.socket, "readable", { signal: this.signal });
    }
    const body = upgrade.rest.subarray(0, length);
    upgrade.rest = upgrade.rest.subarray(length);
    return body;
  }

  /** Answers `value` as JSON with a line feed. */
  reply(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): void {
    const text = `${JSON.stringify(value)}\n`;
    this.response.writeHead(status, {
      "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(text),
      ...headers,
    });
    this.response.end(text);
  }

  /** A status without a body. */
  done(status: number, headers: Readonly<Record<string, string>> = {}): void {
    this.response.writeHead(status, headers);
    this.response.end();
  }

  /** Sends status 200 and the head at once; chunks follow by write(). */
  startStream(contentType: string, headers: Readonly<Record<string, string>> = {}): void {
    this.response.writeHead(200, { "Content-Type": contentType, ...headers });
    this.response.flushHeaders();
  }

  async write(chunk: Uint8Array | string): Promise<void> {
    this.signal.throwIfAborted();
    if (!this.response.write(chunk)) await this.#drained(this.response);
  }

  /** Waits until the chunk has left as well: then its memory may be used again. */
  async flush(chunk: Uint8Array): Promise<void> {
    this.signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.response.write(chunk, (error) => (error ? reject(error) : resolve()));
    await unlessAborted(promise, this.signal);
  }

  /** Several writers may wait at once: they share one listener. */
  #drained(stream: ServerResponse | Socket): Promise<unknown> {
    this.#draining ??= once(stream, "drain", { signal: this.signal }).finally(() => {
      this.#draining = undefined;
    });
    return this.#draining;
  }

  /** Takes the connection over: 101 when the client asked for an upgrade, 200 and raw bytes otherwise. */
  hijack(hasTty: boolean): Hijacked {
    if (this.#upgrade === undefined) return this.#plainStream();
    const { socket, rest } = this.#upgrade;
    const type =
      hasTty || this.minor < 42
        ? "application/vnd.docker.raw-stream"
        : "application/vnd.docker.multiplexed-stream";
    const head = `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${type}\r\nConnection: Upgrade\r\nUpgrade: ${this.headers.upgrade ?? "tcp"}\r\n\r\n`;
    this.response.detachSocket(socket);
    socket.write(head);
    socket.setNoDelay(true);
    return {
      input: withHead(rest, socket),
      write: async (chunk) => {
        this.signal.throwIfAborted();
        if (!socket.write(chunk)) await this.#drained(socket);
      },
      end: () => void socket.end(),
    };
  }

  /** Takes the connection over as a WebSocket. Throws `invalid` when the client asked for none. */
  async webSocket(): Promise<Hijacked> {
    if (this.#upgrade === undefined || this.headers.upgrade?.toLowerCase() !== "websocket")
      throw new LongshoreError("invalid", "not a WebSocket handshake: want Upgrade: websocket");
    const { socket, rest } = this.#upgrade;
    this.response.detachSocket(socket);
    return await acceptWebSocket(this.request, socket, rest, this.signal);
  }

  #plainStream(): Hijacked {
    this.response.useChunkedEncodingByDefault = false;
    this.response.shouldKeepAlive = false;
    this.startStream("application/vnd.docker.raw-stream", { Connection: "close" });
    return {
      input: this.request,
      write: (chunk) => this.write(chunk),
      end: () => void this.response.end(),
    };
  }
}

async function* withHead(head: Buffer, socket: Socket): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  // Not `for await (… of socket)`: leaving that loop destroys the socket, and output may still be on its way.
  const pieces = socket.iterator({ destroyOnReturn: false });
  for await (const chunk of pieces) yield chunk as Uint8Array;
}
