import { once } from "node:events";
import { request } from "node:http";
import { dockerArchive, type EngineUnderTest, startEngine, starterRecipe } from "@longshore/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import WebSocket from "ws";

const STARTER = "longshore/starter:latest";
let engine: EngineUnderTest;
beforeAll(async () => {
  engine = await startEngine();
  await ask("POST", "/images/load", dockerArchive(starterRecipe()), "application/x-tar");
});
afterAll(() => engine[Symbol.asyncDispose]());

async function ask(
  method: string,
  path: string,
  body: string | Uint8Array = "",
  type = "application/json",
): Promise<{ status: number; text: string }> {
  const sent = request({ socketPath: engine.socket, method, path, headers: { "Content-Type": type } });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text };
}

async function create(name: string, settings: object): Promise<void> {
  const made = await ask(
    "POST",
    `/containers/create?name=${name}`,
    JSON.stringify({ Image: STARTER, ...settings }),
  );
  expect(made.status).toBe(201);
}

const open = (path: string): WebSocket => new WebSocket(`ws+unix:${engine.socket}:/v1.51${path}`);

/** All that comes until the connection is closed, and how. */
async function heard(peer: WebSocket): Promise<{ text: string; isBinary: boolean; code: number }> {
  let text = "";
  let isBinary = true;
  peer.on("message", (data: Buffer, binary: boolean) => {
    text += data.toString();
    isBinary &&= binary;
  });
  const [code] = (await once(peer, "close")) as [number];
  return { text, isBinary, code };
}

describe("GET /containers/{id}/attach/ws", () => {
  test("carries output of both streams as it is, and ends with the container", async () => {
    await create("both", { Cmd: ["sh", "-c", "echo out; echo err >&2"] });
    const peer = open("/containers/both/attach/ws?stream=1&stdout=1&stderr=1");
    const all = heard(peer);
    await once(peer, "open");
    await ask("POST", "/containers/both/start");
    const { text, isBinary, code } = await all;
    expect(text.split("\n").toSorted()).toEqual(["", "err", "out"]);
    expect(isBinary).toBe(true);
    expect(code).toBe(1000);
  });

  test("takes stdin from binary and text messages, a megabyte among them", async () => {
    await create("cat", { Cmd: ["sh", "-c", "head -c 1000010 | wc -c"], OpenStdin: true, StdinOnce: true });
    const peer = open("/containers/cat/attach/ws?stream=1&stdin=1&stdout=1");
    const all = heard(peer);
    await once(peer, "open");
    await ask("POST", "/containers/cat/start");
    peer.send("text\n12345");
    peer.send(Buffer.alloc(1_000_000, "x"));
    expect((await all).text.trim()).toBe("1000010");
  });

  test("a client that goes away ends the conversation, not the container", async () => {
    await create("stays", { Cmd: ["sleep", "600"] });
    await ask("POST", "/containers/stays/start");
    const peer = open("/containers/stays/attach/ws?stream=1&stdout=1");
    await once(peer, "open");
    peer.terminate();
    await once(peer, "close");
    expect(JSON.parse((await ask("GET", "/containers/stays/json")).text)).toMatchObject({
      State: { Running: true },
    });
    expect((await ask("DELETE", "/containers/stays?force=1")).status).toBe(204);
  });

  test("refuses what is no handshake, and a container that isn't there", async () => {
    const plain = await ask("GET", "/containers/both/attach/ws?stream=1&stdout=1");
    expect(plain.status).toBe(400);
    expect(plain.text).toContain("WebSocket");
    const peer = open("/containers/nosuch/attach/ws?stream=1");
    const [error] = (await once(peer, "error")) as [Error];
    expect(error.message).toContain("404");
  });
});
