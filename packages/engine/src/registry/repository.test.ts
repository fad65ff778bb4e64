import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { digestOf, parseReference } from "#spec";
import { openRegistry } from "./index.ts";

/** A registry that wants a token, and what it was asked. */
async function guarded() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const isToken = request.url?.startsWith("/token") === true;
    const isKnown = request.headers.authorization === "Bearer t";
    asked.push(isToken ? "token" : isKnown ? "known" : "unknown");
    if (isToken) return response.end('{"token":"t"}');
    if (isKnown) return response.writeHead(200).end();
    const realm = `Bearer realm="http://127.0.0.1:${port}/token",service="s"`;
    return response.writeHead(401, { "WWW-Authenticate": realm }).end();
  });
  // What a plain server makes of a TLS hello.
  server.on("clientError", (_, socket) => {
    asked.push("hello");
    socket.destroy();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    asked,
    name: `127.0.0.1:${(server.address() as AddressInfo).port}/a/b`,
    [Symbol.dispose]: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const digests = ["a", "b", "c", "d"].map((text) => digestOf(text));

test("of questions at the same time the first finds scheme and token, the others use them", async ({
  signal,
}) => {
  using server = await guarded();
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [] });
  const repo = registry.repository(parseReference(server.name), undefined, "push");
  const found = await Promise.all(digests.map((digest) => repo.hasBlob(digest, signal)));
  expect(found).toEqual([true, true, true, true]);
  expect(server.asked).toEqual(["hello", "unknown", "token", "known", "known", "known", "known"]);
});

test("a first question that is given up holds nobody up", async ({ signal }) => {
  using server = await guarded();
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [] });
  const repo = registry.repository(parseReference(server.name), undefined, "push");
  const stop = new AbortController();
  const [first, second] = [digestOf("a"), digestOf("b")];
  const asked = Promise.allSettled([
    repo.hasBlob(first, stop.signal),
    repo.hasBlob(second, signal),
    repo.hasBlob(second, stop.signal),
  ]);
  const reason = new Error("client went away");
  stop.abort(reason);
  expect(await asked).toEqual([
    { status: "rejected", reason },
    { status: "fulfilled", value: true },
    { status: "rejected", reason },
  ]);
});
