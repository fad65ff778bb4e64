import { randomInt } from "node:crypto";
import dgram from "node:dgram";
import net from "node:net";
import { LongshoreError } from "#kernel";
import { parseResponse, type Query, type Response } from "./message.ts";
import { ResponseCache } from "./response-cache.ts";

const TIMEOUT_MS = 4_000;
const CACHE_BYTES = 4 * 1024 * 1024;
const RESPONSE_BYTES_MAX = 65_535;

/** Asks other servers. Every question goes from a fresh port under a fresh id, and only an answer to just that question counts. */
export class Forwarder {
  readonly #cache = new ResponseCache(CACHE_BYTES);
  readonly #port: number;

  /** `port` is where servers listen: 53 but in tests. */
  constructor(port = 53) {
    this.#port = port;
  }

  /**
   * The first usable response of `servers` in order, with the client's id. Truncated UDP answers are asked for again by TCP.
   * Throws `unavailable` when none answers, or the signal's reason.
   */
  async ask(
    servers: readonly string[],
    query: Query,
    bytes: Buffer,
    kind: "udp" | "tcp",
    signal: AbortSignal,
  ): Promise<Buffer> {
    // EDNS and its flags change the answer, so everything after the id is part of the key.
    const key = `${servers.join()} ${bytes.toString("latin1", 2)}`;
    const kept = this.#cache.find(key, query.id, Date.now());
    if (kept !== undefined) return kept;
    let refused: Buffer | undefined;
    for (const server of servers) {
      try {
        const answer = await this.#askOne(server, query, bytes, kind, signal);
        // SERVFAIL and REFUSED: the next server may know better.
        if (answer.response.rcode === 2 || answer.response.rcode === 5) {
          refused ??= answer.bytes;
          continue;
        }
        this.#cache.keep(key, answer.bytes, answer.response, Date.now());
        return withId(answer.bytes, query.id);
      } catch {
        // No answer, or none that can be read: the next server's turn.
        signal.throwIfAborted();
      }
    }
    if (refused !== undefined) return withId(refused, query.id);
    throw new LongshoreError("unavailable", `no DNS server answers for "${query.question.name}"`);
  }

  async #askOne(
    server: string,
    query: Query,
    bytes: Buffer,
    kind: "udp" | "tcp",
    signal: AbortSignal,
  ): Promise<{ bytes: Buffer; response: Response }> {
    const id = randomInt(0x1_0000);
    const out = withId(bytes, id);
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    const isAnswer = (response: Response): boolean =>
      response.id === id &&
      response.question !== undefined &&
      response.question.name === query.question.name &&
      response.question.type === query.question.type &&
      response.question.class === query.question.class;
    if (kind === "udp") {
      const answer = await askUdp(server, this.#port, out, isAnswer, limit);
      if (!answer.response.isTruncated) return answer;
      try {
        return await askTcp(server, this.#port, out, isAnswer, limit);
      } catch {
        // A cut answer is better than none: the client sees that it is cut.
        signal.throwIfAborted();
        return answer;
      }
    }
    return askTcp(server, this.#port, out, isAnswer, limit);
  }
}

function withId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
}

type Answer = { readonly bytes: Buffer; readonly response: Response };

async function askUdp(
  server: string,
  port: number,
  out: Buffer,
  isAnswer: (response: Response) => boolean,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const socket = dgram.createSocket(net.isIPv6(server) ? "udp6" : "udp4");
  const settled = Promise.withResolvers<Answer>();
  const onAbort = (): void => settled.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.on("error", settled.reject);
  socket.on("message", (bytes) => {
    try {
      const response = parseResponse(bytes);
      if (isAnswer(response)) settled.resolve({ bytes, response });
    } catch {
      // Noise, or a forgery: the real answer may still come.
    }
  });
  try {
    // Connected: only this server's datagrams are heard, and "port unreachable" ends the wait.
    socket.connect(port, server, (error?: Error) => {
      if (error) settled.reject(error);
      else socket.send(out);
    });
    return await settled.promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.close();
  }
}

async function askTcp(
  server: string,
  port: number,
  out: Buffer,
  isAnswer: (response: Response) => boolean,
  signal: AbortSignal,
): Promise<Answer> {
  signal.throwIfAborted();
  const socket = net.connect({ host: server, port });
  const onAbort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(out.length);
    socket.write(Buffer.concat([length, out]));
    let found = Buffer.alloc(0);
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      found = Buffer.concat([found, chunk]);
      if (found.length < 2) continue;
      const wanted = found.readUInt16BE(0);
      if (found.length >= 2 + wanted || found.length > RESPONSE_BYTES_MAX + 2) {
        const bytes = found.subarray(2, 2 + wanted);
        const response = parseResponse(bytes);
        if (isAnswer(response)) return { bytes, response };
        break;
      }
    }
    throw new LongshoreError("unavailable", `no usable answer from DNS server ${server}`);
  } finally {
    signal.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}
