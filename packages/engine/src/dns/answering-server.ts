import dgram from "node:dgram";
import net from "node:net";
import { closeSync } from "node:fs";
import { isKind } from "#kernel";
import type { DnsServer, DnsSocketPair, DnsView, DnsZone } from "./contract.ts";
import { Forwarder } from "./forwarder.ts";
import { LocalAnswers } from "./local-answers.ts";
import { cutToQuestion, parseQuery, RCODE, writeAnswer, type Query } from "./message.ts";

const FORWARDED_AT_ONCE_MAX = 256;
const TCP_CLIENTS_MAX = 64;
const TCP_IDLE_MS = 10_000;
const TCP_BYTES_MAX = 65_535;
const UDP_BYTES_PLAIN = 512;
/** What passes every network without fragments. */
const UDP_BYTES_MAX = 4096;

interface Client {
  view: DnsView;
  own: ReturnType<typeof LocalAnswers.own>;
  forwarding: number;
  readonly stop: AbortController;
  readonly udp: dgram.Socket;
  readonly tcp: net.Server;
  readonly connections: Set<net.Socket>;
}

/** The server itself, in whichever thread it is made. No client's question can hold up another's for longer than its parsing takes. */
export class AnsweringServer implements DnsServer {
  readonly #local = new LocalAnswers();
  readonly #forwarder: Forwarder;
  readonly #clients = new Map<string, Client>();

  constructor(forwarder: Forwarder = new Forwarder()) {
    this.#forwarder = forwarder;
  }

  async setZone(zone: string, content: DnsZone | undefined): Promise<void> {
    this.#local.setZone(zone, content);
  }

  async attach(key: string, sockets: DnsSocketPair, view: DnsView): Promise<void> {
    await this.detach(key);
    const client: Client = {
      view,
      own: LocalAnswers.own(view),
      forwarding: 0,
      stop: new AbortController(),
      udp: dgram.createSocket("udp4"),
      tcp: net.createServer({ allowHalfOpen: true }),
      connections: new Set(),
    };
    const { udp, tcp } = client;
    tcp.maxConnections = TCP_CLIENTS_MAX;
    udp.on("message", (bytes, from) => void this.#serveUdp(client, bytes, from));
    tcp.on("connection", (socket) => void this.#serveTcp(client, socket));
    try {
      await listening(udp, () => udp.bind({ fd: sockets.udpFd }));
    } catch (error) {
      closeSync(sockets.udpFd);
      closeSync(sockets.tcpFd);
      throw error;
    }
    this.#clients.set(key, client);
    try {
      await listening(tcp, () => void tcp.listen({ fd: sockets.tcpFd }));
    } catch (error) {
      closeSync(sockets.tcpFd);
      await this.detach(key);
      throw error;
    }
    // From now on a broken socket concerns its own sandbox only.
    udp.on("error", () => {});
    tcp.on("error", () => {});
  }

  async update(key: string, view: DnsView): Promise<void> {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.view = view;
    client.own = LocalAnswers.own(view);
  }

  async detach(key: string): Promise<void> {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    this.#clients.delete(key);
    client.stop.abort(new Error("the sandbox is closed"));
    client.udp.close();
    for (const socket of client.connections) socket.destroy();
    if (client.tcp.listening) await new Promise<void>((resolve) => client.tcp.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const key of this.#clients.keys()) await this.detach(key);
  }

  async #serveUdp(client: Client, bytes: Buffer, from: dgram.RemoteInfo): Promise<void> {
    try {
      const answer = await this.#answer(client, bytes, "udp");
      if (answer === undefined || client.stop.signal.aborted) return;
      client.udp.send(answer, from.port, from.address, () => {});
    } catch {
      // One question's bug must not end the thread that all sandboxes share: this client hears nothing.
    }
  }

  async #serveTcp(client: Client, socket: net.Socket): Promise<void> {
    client.connections.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => client.connections.delete(socket));
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    try {
      let waiting = Buffer.alloc(0);
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        waiting = Buffer.concat([waiting, chunk]);
        while (waiting.length >= 2 && waiting.length >= 2 + waiting.readUInt16BE(0)) {
          const end = 2 + waiting.readUInt16BE(0);
          // Copied, for the buffer goes on; one at a time, so that a client can't pile up answers.
          const answer = await this.#answer(client, Buffer.from(waiting.subarray(2, end)), "tcp");
          if (answer === undefined) return;
          const length = Buffer.alloc(2);
          length.writeUInt16BE(answer.length);
          socket.write(Buffer.concat([length, answer]));
          waiting = waiting.subarray(end);
        }
      }
      socket.end();
    } catch {
      // The client went away.
    } finally {
      if (!socket.writableEnded) socket.destroy();
    }
  }

  /** The answer's bytes; undefined = nothing to say (not even a header could be read). */
  async #answer(client: Client, bytes: Buffer, kind: "udp" | "tcp"): Promise<Buffer | undefined> {
    let query: Query;
    try {
      query = parseQuery(bytes);
    } catch (error) {
      if (!isKind(error, "invalid")) throw error;
      return formatErrorFor(bytes);
    }
    const limit = kind === "tcp" ? TCP_BYTES_MAX : Math.min(query.udpBytes ?? UDP_BYTES_PLAIN, UDP_BYTES_MAX);
    if (query.opcode !== 0) return writeAnswer(query, RCODE.notImplemented, [], limit);
    const local = this.#local.answer(client.view, client.own, query.question);
    if (local !== undefined) return writeAnswer(query, RCODE.ok, local, limit);
    const { servers, keepsShortNames } = client.view;
    const isShort = !query.question.name.includes(".");
    if (isShort && keepsShortNames) return writeAnswer(query, RCODE.noName, [], limit);
    if (servers.length === 0) return writeAnswer(query, isShort ? RCODE.noName : RCODE.refused, [], limit);
    if (client.forwarding >= FORWARDED_AT_ONCE_MAX) return writeAnswer(query, RCODE.serverFailure, [], limit);
    client.forwarding++;
    try {
      const answer = await this.#forwarder.ask(servers, query, bytes, kind, client.stop.signal);
      return answer.length > limit ? cutToQuestion(answer, query.questionBytes) : answer;
    } catch {
      return writeAnswer(query, RCODE.serverFailure, [], limit);
    } finally {
      client.forwarding--;
    }
  }
}

/** FORMERR with nothing but the header; never to a response, or two servers could talk for ever. */
function formatErrorFor(bytes: Buffer): Buffer | undefined {
  if (bytes.length < 12 || (bytes.readUInt8(2) & 0x80) !== 0) return undefined;
  const header = Buffer.alloc(12);
  header.writeUInt16BE(bytes.readUInt16BE(0), 0);
  header.writeUInt16BE(0x8000 | RCODE.formatError, 2);
  return header;
}

async function listening(server: dgram.Socket | net.Server, begin: () => void): Promise<void> {
  const ready = Promise.withResolvers<void>();
  server.once("listening", ready.resolve);
  server.once("error", ready.reject);
  begin();
  try {
    await ready.promise;
  } finally {
    server.removeListener("error", ready.reject);
    server.removeListener("listening", ready.resolve);
  }
}
