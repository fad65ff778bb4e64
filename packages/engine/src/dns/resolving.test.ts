import dgram from "node:dgram";
import { once } from "node:events";
import net from "node:net";
import { describe, expect, test } from "vitest";
import type { DnsView, DnsZone } from "./contract.ts";
import { Forwarder } from "./forwarder.ts";
import { LocalAnswers } from "./local-answers.ts";
import {
  parseQuery,
  parseResponse,
  reverseAddress,
  TYPE,
  writeAnswer,
  writeName,
  type AnswerRecord,
} from "./message.ts";
import { ResponseCache } from "./response-cache.ts";

const zone: DnsZone = {
  names: { web: ["10.0.0.2", "10.0.0.3", "fd00::2"], db: ["10.0.0.4"] },
  reverse: { "10.0.0.2": "web.front", "fd00::2": "web.front" },
};
const view = (more: Partial<DnsView> = {}): DnsView => ({
  own: { names: {}, reverse: {} },
  zones: ["front"],
  servers: [],
  keepsShortNames: false,
  ...more,
});
const question = (name: string, type: number): Buffer =>
  Buffer.concat([
    Buffer.from([0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    writeName(name),
    Buffer.from([0, type, 0, 1]),
  ]);

/** A server elsewhere that answers every A question with `answers`, and counts. */
async function upstream(
  answers: readonly AnswerRecord[],
): Promise<{ port: number; asked: () => number } & AsyncDisposable> {
  const udp = dgram.createSocket("udp4");
  let count = 0;
  udp.on("message", (bytes, from) => {
    count++;
    const query = parseQuery(bytes);
    const forged = writeAnswer({ ...query, id: query.id ^ 1 }, 0, [], 512);
    udp.send(forged, from.port, from.address);
    udp.send(writeAnswer(query, 0, answers, 512), from.port, from.address);
  });
  udp.bind(0, "127.0.0.1");
  await once(udp, "listening");
  const { port } = udp.address();
  const tcp = net.createServer((socket) => {
    socket.once("data", (bytes: Buffer) => {
      const answer = writeAnswer(parseQuery(bytes.subarray(2)), 0, answers, 65_535);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.end(Buffer.concat([length, answer]));
    });
  });
  tcp.listen(port, "127.0.0.1");
  await once(tcp, "listening");
  return {
    port,
    asked: () => count,
    [Symbol.asyncDispose]: async () => {
      udp.close();
      tcp.close();
    },
  };
}

describe("LocalAnswers", () => {
  test("answer() knows A, AAAA, ANY and PTR, turns, and is silent about strangers", () => {
    const local = new LocalAnswers();
    local.setZone("front", zone);
    const seen = view();
    const own = LocalAnswers.own(seen);
    const ask = (name: string, type: number): string[] | undefined =>
      local.answer(seen, own, { name, type, class: 1 })?.map(({ data }) => data.toString("hex"));
    expect(ask("web", TYPE.A)).toEqual(["0a000002", "0a000003"]);
    expect(ask("web", TYPE.A)).toEqual(["0a000003", "0a000002"]);
    expect(ask("web", TYPE.AAAA)).toEqual(["fd000000000000000000000000000002"]);
    expect(ask("db", TYPE.AAAA)).toEqual([]);
    expect(ask("2.0.0.10.in-addr.arpa", TYPE.PTR)).toEqual([writeName("web.front").toString("hex")]);
    expect(ask("elsewhere", TYPE.A)).toBeUndefined();
    expect(ask("constructor", TYPE.A)).toBeUndefined();
    local.setZone("front", undefined);
    expect(ask("web", TYPE.A)).toBeUndefined();
  });

  test("answer() survives a name that DNS can't carry", () => {
    const local = new LocalAnswers();
    const reverse = { "10.0.0.9": `${"x".repeat(64)}.front` };
    local.setZone("front", { names: {}, reverse });
    const seen = view();
    const asked = { name: "9.0.0.10.in-addr.arpa", type: TYPE.PTR, class: 1 };
    expect(local.answer(seen, LocalAnswers.own(seen), asked)).toEqual([]);
  });

  test("reverseAddress() reads both families", () => {
    expect(reverseAddress("4.3.2.1.in-addr.arpa")).toBe("1.2.3.4");
    const nibbles = "2".padEnd(30, "0") + "df";
    expect(reverseAddress(`${nibbles.split("").join(".")}.ip6.arpa`)).toBe("fd00:0:0:0:0:0:0:2");
  });
});

describe("Forwarder", () => {
  const answers = [{ type: TYPE.A, ttl: 60, data: Buffer.of(192, 0, 2, 9) }];

  test("ask() ignores a forged answer, restores the id and keeps the response", async ({ signal }) => {
    await using server = await upstream(answers);
    const forwarder = new Forwarder(server.port);
    const bytes = question("example.test", TYPE.A);
    const query = parseQuery(bytes);
    for (let round = 0; round < 2; round++) {
      const answer = await forwarder.ask(["127.0.0.1"], query, bytes, "udp", signal);
      expect(parseResponse(answer)).toMatchObject({ id: 0x1234, rcode: 0, records: [{ type: TYPE.A }] });
    }
    expect(server.asked()).toBe(1);
  });

  test("ask() asks again by TCP when the UDP answer is cut", async ({ signal }) => {
    const many = Array.from({ length: 60 }, (_, at) => ({
      type: TYPE.A,
      ttl: 60,
      data: Buffer.of(10, 0, 0, at),
    }));
    await using server = await upstream(many);
    const bytes = question("many.test", TYPE.A);
    const answer = await new Forwarder(server.port).ask(
      ["127.0.0.1"],
      parseQuery(bytes),
      bytes,
      "udp",
      signal,
    );
    expect(parseResponse(answer).records).toHaveLength(60);
  });

  test("ask() goes on to the next server when one is not there", async ({ signal }) => {
    await using server = await upstream(answers);
    const bytes = question("example.test", TYPE.A);
    // Nobody listens on 127.0.0.9: the kernel says so at once.
    const answer = await new Forwarder(server.port).ask(
      ["127.0.0.9", "127.0.0.1"],
      parseQuery(bytes),
      bytes,
      "udp",
      signal,
    );
    expect(parseResponse(answer).records).toHaveLength(1);
  });

  test("ask() with an aborted signal rejects with its reason", async () => {
    const reason = new Error("sandbox closed");
    const bytes = question("example.test", TYPE.A);
    const asking = new Forwarder(1).ask(
      ["127.0.0.1"],
      parseQuery(bytes),
      bytes,
      "udp",
      AbortSignal.abort(reason),
    );
    await expect(asking).rejects.toBe(reason);
  });
});

describe("ResponseCache", () => {
  test("find() counts the time down and forgets at its end", () => {
    const cache = new ResponseCache(10_000);
    const query = parseQuery(question("a.test", TYPE.A));
    const bytes = writeAnswer(query, 0, [{ type: TYPE.A, ttl: 60, data: Buffer.of(1, 2, 3, 4) }], 512);
    cache.keep("k", bytes, parseResponse(bytes), 0);
    const found = cache.find("k", 7, 10_500);
    expect(found && parseResponse(found)).toMatchObject({ id: 7, records: [{ ttl: 50 }] });
    expect(cache.find("k", 7, 60_000)).toBeUndefined();
  });

  test("keep() stays within its bytes, and keeps no failure", () => {
    const cache = new ResponseCache(1000);
    const query = parseQuery(question("a.test", TYPE.A));
    const bytes = writeAnswer(query, 0, [{ type: TYPE.A, ttl: 60, data: Buffer.of(1, 2, 3, 4) }], 512);
    for (let at = 0; at < 20; at++) cache.keep(`k${at}`, bytes, parseResponse(bytes), 0);
    expect(cache.find("k0", 1, 1)).toBeUndefined();
    expect(cache.find("k19", 1, 1)).toBeDefined();
    const failure = writeAnswer(query, 2, [], 512);
    cache.keep("f", failure, parseResponse(failure), 0);
    expect(cache.find("f", 1, 1)).toBeUndefined();
  });
});
