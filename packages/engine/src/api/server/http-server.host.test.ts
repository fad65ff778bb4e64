import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import tls from "node:tls";
import { openLogger } from "#kernel";
import { freePort, type Issued, makeAuthority } from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";
import { readCertificates } from "./certificates.ts";
import { HttpServer } from "./http-server.ts";
import { Router } from "./router.ts";

const HANDSHAKE_LIMIT_MS = 300;
const folder = mkdtempSync(join(tmpdir(), "longshore-https-"));
const lines: string[] = [];
const server = new HttpServer(
  new Router([
    {
      method: "GET",
      path: "/hello",
      handle: async (call) => call.reply(200, "hello"),
    },
    {
      method: "POST",
      path: "/sum",
      // Answers only after the client's half-close.
      handle: async (call) => {
        const wire = call.hijack(true);
        let bytes = 0;
        for await (const chunk of wire.input) bytes += chunk.byteLength;
        await wire.write(Buffer.from(`got ${bytes}`));
        wire.end();
      },
    },
    {
      method: "GET",
      path: "/echo",
      handle: async (call) => {
        const wire = await call.webSocket();
        for await (const chunk of wire.input) {
          await wire.write(chunk);
          wire.end();
        }
      },
    },
  ]),
  openLogger("debug", (line) => void lines.push(line)),
  "0",
);
let port = 0;
let ca = "";
let good: Issued;
let expired: Issued;
let stranger: Issued;
beforeAll(async () => {
  const authority = makeAuthority(join(folder, "own"));
  const { cert, key } = authority.issue("engine");
  good = authority.issue("client");
  expired = authority.issue("late", -1);
  stranger = makeAuthority(join(folder, "foreign")).issue("client");
  ca = readFileSync(authority.ca, "utf8");
  port = await freePort();
  const certificates = await readCertificates({ tlscert: cert, tlskey: key, tlscacert: authority.ca });
  await server.listen({ kind: "tcp", host: "127.0.0.1", port }, certificates, HANDSHAKE_LIMIT_MS);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function connect(shown: Issued | undefined, more: tls.ConnectionOptions = {}): tls.TLSSocket {
  const own = shown && { cert: readFileSync(shown.cert), key: readFileSync(shown.key) };
  return tls.connect({
    host: "127.0.0.1",
    port,
    ca,
    allowHalfOpen: true,
    ...own,
    ...more,
  } as tls.ConnectionOptions);
}

/** Sends `text` and answers all that comes until the server ends the connection. */
async function say(text: string, shown?: Issued, more: tls.ConnectionOptions = {}): Promise<string> {
  const socket = connect(shown, more);
  socket.write(text);
  return await heard(socket);
}

async function heard(socket: net.Socket): Promise<string> {
  let all = "";
  socket.on("data", (chunk: Buffer) => (all += chunk.toString()));
  // A broken connection is an end too.
  socket.on("error", () => {});
  socket.on("end", () => socket.end());
  await new Promise<void>((done) => socket.once("close", () => done()));
  return all;
}

const GET = "GET /hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

describe("HttpServer over TLS", () => {
  test("serves a client with a certificate of the authority's, by TLS 1.2 and 1.3", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const)
      expect(await say(GET, good, { minVersion: version, maxVersion: version })).toContain('"hello"');
  });

  test.for(["none", "expired", "foreign", "old TLS"])("answers nothing to a client with %s", async (what) => {
    const shown = { none: undefined, expired, foreign: stranger, "old TLS": good }[what];
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" } as const;
    expect(await say(GET, shown, what === "old TLS" ? old : {})).toBe("");
    expect(await say(GET, good)).toContain('"hello"');
    expect(lines.join("")).toContain("TLS client refused");
  });

  test("cuts plain HTTP, and a handshake that never ends, while others are served", async () => {
    const idle = net.connect(port, "127.0.0.1");
    const stuck = net.connect(port, "127.0.0.1");
    // The first bytes of a ClientHello, and never the rest.
    stuck.write(Buffer.from("1603010200010001fc0303", "hex"));
    const plain = net.connect(port, "127.0.0.1");
    plain.write(GET);
    const ends = [idle, stuck, plain].map(heard);
    expect(await say(GET, good)).toContain('"hello"');
    const [idleHeard, stuckHeard, plainHeard] = await Promise.all(ends);
    expect([idleHeard, stuckHeard]).toEqual(["", ""]);
    expect(plainHeard).not.toContain("hello");
  });

  test("a client's half-close ends a hijacked connection's input and not its output", async () => {
    const socket = connect(good);
    socket.write("POST /sum HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
    socket.end(Buffer.alloc(3_000_000));
    expect(await heard(socket)).toMatch(/^HTTP\/1\.1 101 [\s\S]*\r\n\r\ngot 3000000$/);
  });

  test("a WebSocket carries a megabyte both ways", async () => {
    const peer = new WebSocket(`wss://127.0.0.1:${port}/echo`, {
      ca,
      cert: readFileSync(good.cert),
      key: readFileSync(good.key),
    });
    const sent = Buffer.alloc(1_000_000, "z");
    peer.on("open", () => peer.send(sent));
    let bytes = 0;
    peer.on("message", (data: Buffer) => (bytes += data.byteLength));
    expect(await new Promise((done) => peer.once("close", done))).toBe(1000);
    expect(bytes).toBe(sent.byteLength);
  });
});
