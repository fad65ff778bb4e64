import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { openRegistry, type Registry } from "./index.ts";

/** Work with a small index on loopback. */
async function withIndex(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  work: (registry: Registry, host: string, asked: readonly string[]) => Promise<void>,
): Promise<void> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    void answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [] });
  try {
    await work(registry, `127.0.0.1:${(server.address() as AddressInfo).port}`, asked);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test("search() asks HOST of HOST/TERM and drops what is no result", async ({ signal }) => {
  const results = [{ name: "a/b", description: "x", star_count: "many" }, null, 5, { name: 1 }];
  await withIndex(
    (_, response) => response.end(JSON.stringify({ results })),
    async (registry, host, asked) => {
      await expect(registry.search(`${host}/a&b/c`, 7, undefined, signal)).resolves.toEqual([
        { name: "a/b", description: "x", stars: 0, isOfficial: false },
      ]);
      expect(asked).toEqual(["/v1/search?q=a%26b%2Fc&n=7"]);
    },
  );
});

test("search() shows its credentials only when asked for them", async ({ signal }) => {
  const seen: (string | undefined)[] = [];
  await withIndex(
    (request, response) => {
      seen.push(request.headers.authorization);
      if (request.headers.authorization === undefined)
        return response.writeHead(401, { "WWW-Authenticate": 'Basic realm="index"' }).end();
      return response.end('{"results":[]}');
    },
    async (registry, host) => {
      const ada = { username: "ada", password: "secret" };
      await expect(registry.search(`${host}/x`, 1, ada, signal)).resolves.toEqual([]);
      expect(seen).toEqual([undefined, `Basic ${Buffer.from("ada:secret").toString("base64")}`]);
      await expect(registry.search(`${host}/x`, 1, undefined, signal)).rejects.toMatchObject({
        message: "unexpected status code 401",
      });
    },
  );
});

test("search() refuses a scheme, a limit out of range, and answers that are none", async ({ signal }) => {
  await withIndex(
    (_, response) => response.end("<html>"),
    async (registry, host, asked) => {
      await expect(registry.search(`http://${host}/x`, 1, undefined, signal)).rejects.toMatchObject({
        kind: "invalid",
        message: `invalid repository name: repository name (http://${host}/x) should not have a scheme`,
      });
      for (const limit of [-1, 101])
        await expect(registry.search(`${host}/x`, limit, undefined, signal)).rejects.toMatchObject({
          kind: "invalid",
          message: `limit ${limit} is outside the range of [1, 100]`,
        });
      expect(asked).toEqual([]);
      await expect(registry.search(`${host}/x`, 0, undefined, signal)).rejects.toMatchObject({
        message: expect.stringContaining("error decoding registry search results") as string,
      });
      expect(asked).toEqual(["/v1/search?q=x&n=25"]);
    },
  );
});
