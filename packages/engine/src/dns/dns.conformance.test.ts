import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { openLoopbackSockets } from "#testing/host";
import { AnsweringServer } from "./answering-server.ts";
import { dnsConformance, forwardingConformance, type DnsPlace } from "./conformance.ts";
import type { DnsServer } from "./contract.ts";
import { Forwarder } from "./forwarder.ts";
import { openDnsServer, startDnsWorker } from "./index.ts";
import { parseQuery, parseResponse, RCODE, TYPE, writeAnswer, writeName } from "./message.ts";
import { FakeDns, valueOf, type DnsReply } from "./testing.ts";

/** A server's clients on sockets of this machine's loopback. */
function onSockets<S extends DnsServer>(server: S): DnsPlace<S> {
  const ports = new Map<string, { readonly udp: number; readonly tcp: number }>();
  return {
    server,
    attach: async (key, view) => {
      const { udp, tcp } = openLoopbackSockets();
      ports.set(key, { udp: udp.port, tcp: tcp.port });
      await server.attach(key, { udpFd: udp.fd, tcpFd: tcp.fd }, view);
      return tcp.port;
    },
    ask: async (key, name, type = "A", by = "udp") => {
      const port = ports.get(key);
      if (port === undefined) return undefined;
      const header = Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
      // Not writeName(): letters keep their case here.
      const labels = name.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
      const question = Buffer.concat([header, ...labels, Buffer.from([0, 0, TYPE[type], 0, 1])]);
      const answer = by === "udp" ? await askUdp(port.udp, question) : await askTcp(port.tcp, question);
      return answer && replyOf(answer);
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const CODES = new Map<number, DnsReply["code"]>([
  [RCODE.ok, "ok"],
  [RCODE.noName, "no name"],
  [RCODE.refused, "refused"],
  [RCODE.serverFailure, "server failure"],
]);

function replyOf(bytes: Buffer): DnsReply {
  const { rcode, records } = parseResponse(bytes);
  const values = records
    .filter(({ section }) => section === "answer")
    .map(({ type, ttlOffset }) => {
      const at = ttlOffset + 6;
      return valueOf({ type, data: bytes.subarray(at, at + bytes.readUInt16BE(at - 2)) });
    });
  return { code: CODES.get(rcode) ?? "ok", values };
}

/** A connected socket is told when nobody listens. */
async function askUdp(port: number, question: Buffer): Promise<Buffer | undefined> {
  const socket = dgram.createSocket("udp4");
  try {
    socket.connect(port, "127.0.0.1");
    await once(socket, "connect");
    const answered = once(socket, "message");
    socket.send(question);
    return (await answered)[0] as Buffer;
  } catch {
    return undefined;
  } finally {
    socket.close();
  }
}

async function askTcp(port: number, question: Buffer): Promise<Buffer | undefined> {
  const socket = net.connect(port, "127.0.0.1");
  socket.on("error", () => {});
  socket.end(framed(question));
  const chunks: Buffer[] = [];
  for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).subarray(2);
}

const framed = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);

function onFake(fake: FakeDns): DnsPlace<FakeDns> {
  return {
    server: fake,
    attach: async (key, view) => {
      const { udp, tcp } = openLoopbackSockets();
      await fake.attach(key, { udpFd: udp.fd, tcpFd: tcp.fd }, view);
      return tcp.port;
    },
    ask: async (key, name, type = "A") => fake.ask(key, name, type),
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

dnsConformance("the server in its thread", async () => {
  let worker: Worker | undefined;
  const place = onSockets(openDnsServer(silentLogger, () => (worker = startDnsWorker())));
  return {
    ...place,
    fail: async () => {
      await worker?.terminate();
      // A call of the new thread: it is there.
      await place.server.detach("nobody");
    },
  };
});

dnsConformance("the fake", async () => {
  const fake = new FakeDns();
  return { ...onFake(fake), fail: async () => fake.fail() };
});

test("openDnsServer() begins its thread when it is expected or first needed", async () => {
  let begun = 0;
  const start = (): Worker => {
    begun += 1;
    return startDnsWorker();
  };
  await using idle = openDnsServer(silentLogger, start);
  await idle.detach("nobody");
  await idle.setZone("front", undefined);
  expect(begun).toBe(0);
  await idle.setZone("front", { names: {}, reverse: {} });
  expect(begun).toBe(1);
  await using expected = openDnsServer(silentLogger, start);
  expected.expect();
  expect(begun).toBe(2);
  await expected.setZone("front", undefined);
  expect(begun).toBe(2);
});

forwardingConformance("the server", async () => {
  const answerTo = (bytes: Buffer): Buffer => {
    const query = parseQuery(bytes);
    const records = [{ type: TYPE.A, ttl: 60, data: Buffer.of(192, 0, 2, 9) }];
    const isKnown = writeName(query.question.name).equals(writeName("example.test"));
    return isKnown ? writeAnswer(query, 0, records, 512) : writeAnswer(query, RCODE.noName, [], 512);
  };
  const upstream = dgram.createSocket("udp4");
  upstream.on("message", (bytes, from) => upstream.send(answerTo(bytes), from.port, from.address));
  upstream.bind(0, "127.0.0.1");
  await once(upstream, "listening");
  const upstreamTcp = net.createServer((socket) => {
    socket.once("data", (bytes: Buffer) => socket.end(framed(answerTo(bytes.subarray(2)))));
  });
  upstreamTcp.listen(upstream.address().port, "127.0.0.1");
  await once(upstreamTcp, "listening");
  const place = onSockets(new AnsweringServer(new Forwarder(upstream.address().port)));
  return {
    ...place,
    upstream: "127.0.0.1",
    nobody: "127.0.0.9",
    [Symbol.asyncDispose]: async () => {
      await place[Symbol.asyncDispose]();
      upstream.close();
      upstreamTcp.close();
    },
  };
});

forwardingConformance("the fake", async () => {
  const fake = new FakeDns({ "127.0.0.1": { "example.test": ["192.0.2.9"] } });
  return { ...onFake(fake), upstream: "127.0.0.1", nobody: "127.0.0.9" };
});
