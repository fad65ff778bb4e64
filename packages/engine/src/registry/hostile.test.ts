import { createServer, type ServerResponse, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { digestOf, parseReference } from "#spec";
import { USUAL_LIMITS } from "./http-client.ts";
import { openRegistry, type Repository } from "./index.ts";

const limits = {
  ...USUAL_LIMITS,
  headMs: 1000,
  idleMs: 400,
  documentMs: 1500,
  paceBytes: 10_000,
  paceMs: 100,
  firstPauseMs: 1,
  longestPauseMs: 50,
};
const digest = digestOf("whatever");

/** A repository of a server that answers as `answer` wants; the https attempt before is dropped by Node. */
async function hostile(
  answer: (request: IncomingMessage, response: ServerResponse) => unknown,
  work: (repo: Repository, requests: () => number) => Promise<void>,
): Promise<void> {
  let requests = 0;
  const server = createServer((request, response) => {
    requests++;
    void answer(request, response);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}/a/b`;
  try {
    await work(registry.repository(parseReference(name), undefined, "pull"), () => requests);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function all(source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const piece of source) bytes += piece.byteLength;
  return bytes;
}

const refusal = (kind: string, words: string) => ({
  kind,
  message: expect.stringContaining(words) as string,
});

test("a manifest with another digest than asked for is refused", async ({ signal }) => {
  await hostile(
    (_, response) => response.end("{}"),
    (repo) => expect(repo.manifest(digest, signal)).rejects.toMatchObject(refusal("invalid", digest)),
  );
});

test("a manifest larger than any manifest is refused before it is read whole", async ({ signal }) => {
  let sent = 0;
  await hostile(
    async (_, response) => {
      for (; sent < 50_000_000 && !response.destroyed; sent += 65_536) {
        response.write(Buffer.alloc(65_536, " "));
        await delay(0);
      }
    },
    (repo) => expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("invalid", "larger than")),
  );
  expect(sent).toBeLessThan(20_000_000);
});

test("a manifest that drips is given up after its time", async ({ signal }) => {
  await hostile(
    async (_, response) => {
      while (!response.destroyed) {
        response.write(" ");
        await delay(20);
      }
    },
    (repo) =>
      expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("unavailable", "did not come within")),
  );
});

test("a blob longer than said is cut, a shorter one is asked for again and then given up", async ({
  signal,
}) => {
  await hostile(
    async (_, response) => {
      while (!response.destroyed) {
        response.write(Buffer.alloc(65_536));
        await delay(0);
      }
    },
    (repo) =>
      expect(all(repo.blob(digest, 1000, 0, signal))).rejects.toMatchObject(
        refusal("invalid", "larger than"),
      ),
  );
  await hostile(
    (_, response) => response.end("short"),
    async (repo, requests) => {
      await expect(all(repo.blob(digest, 1000, 0, signal))).rejects.toMatchObject(
        refusal("unavailable", "ended after 5 of 1000"),
      );
      expect(requests()).toBe(6);
    },
  );
});

test("a blob that drips is given up", async ({ signal }) => {
  await hostile(
    async (_, response) => {
      while (!response.destroyed) {
        response.write("x");
        await delay(10);
      }
    },
    (repo) =>
      expect(all(repo.blob(digest, 1_000_000, 0, signal))).rejects.toMatchObject(
        refusal("unavailable", "want 10000"),
      ),
  );
});

test("a range that begins elsewhere is not taken for the one asked for", async ({ signal }) => {
  await hostile(
    (request, response) => {
      if (request.headers.range === undefined)
        return response
          .writeHead(200, { "Content-Length": "100" })
          .write("0123456789", () => response.destroy());
      return response.writeHead(206, { "Content-Range": "bytes 0-99/100" }).end(Buffer.alloc(100));
    },
    (repo) =>
      expect(all(repo.blob(digest, 100, 0, signal))).rejects.toMatchObject(
        refusal("unavailable", "another range"),
      ),
  );
});

test("a registry that asks for too long a wait is not waited for", async ({ signal }) => {
  await hostile(
    (_, response) => response.writeHead(429, { "Retry-After": "3600" }).end(),
    async (repo, requests) => {
      await expect(repo.manifest("1", signal)).rejects.toMatchObject(
        refusal("unavailable", "toomanyrequests: too many requests"),
      );
      expect(requests()).toBe(1);
    },
  );
});

test("a registry that says 'later' for ever is given up after a few times", async ({ signal }) => {
  await hostile(
    (_, response) => response.writeHead(429, { "Retry-After": "0" }).end("slow down"),
    async (repo, requests) => {
      await expect(repo.manifest("1", signal)).rejects.toMatchObject(
        refusal("unavailable", "error parsing HTTP 429 response body"),
      );
      expect(requests()).toBe(6);
      await expect(all(repo.blob(digest, 10, 0, signal))).rejects.toMatchObject(
        refusal("unavailable", "error parsing HTTP 429 response body"),
      );
      expect(requests()).toBe(6 + 6 * 6);
    },
  );
});

test("tokens, tag lists and errors without an end are cut", async ({ signal }) => {
  let sent = 0;
  const endless = async (response: ServerResponse): Promise<void> => {
    for (; sent < 100_000_000 && !response.destroyed; sent += 65_536) {
      response.write(Buffer.alloc(65_536, " "));
      await delay(0);
    }
  };
  await hostile(
    (request, response) => {
      if (request.url?.startsWith("/token") === true) return endless(response);
      const realm = `http://${request.headers.host}/token`;
      return response.writeHead(401, { "WWW-Authenticate": `Bearer realm="${realm}"` }).end();
    },
    (repo) => expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("invalid", "larger than")),
  );
  await hostile(
    (_, response) => endless(response),
    (repo) => expect(repo.tags(signal)).rejects.toMatchObject(refusal("invalid", "larger than")),
  );
  await hostile(
    (_, response) => endless(response.writeHead(500)),
    (repo) =>
      expect(repo.manifest("1", signal)).rejects.toMatchObject(
        refusal("unavailable", "received unexpected HTTP status: 500 Internal Server Error"),
      ),
  );
  expect(sent).toBeLessThan(60_000_000);
});

test("a tag list whose pages never end is left after so many", async ({ signal }) => {
  await hostile(
    (_, response) =>
      response.writeHead(200, { Link: '</v2/a/b/tags/list?last=x>; rel="next"' }).end('{"tags":["x"]}'),
    async (repo, requests) => {
      expect((await repo.tags(signal)).length).toBe(200);
      expect(requests()).toBe(200);
    },
  );
});

test("a length that isn't that of the body is no whole answer", async ({ signal }) => {
  await hostile(
    (_, response) => {
      response.writeHead(200, { "Content-Length": "1000" });
      response.write("0123456789", () => response.destroy());
    },
    async (repo) => {
      await expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("unavailable", "was cut"));
      await expect(all(repo.blob(digest, 1000, 0, signal))).rejects.toMatchObject(
        refusal("unavailable", "was cut after 10 of 1000 bytes"),
      );
    },
  );
  await hostile(
    (_, response) => response.socket?.end("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n0123456789"),
    async (repo) => {
      const bytes = await repo.blob(digest, 10, 0, signal)[Symbol.asyncIterator]().next();
      expect(Buffer.from((bytes.value ?? []) as Uint8Array).toString()).toBe("01234");
    },
  );
});

test("credentials go to nobody that an answer names: not by redirect, not by upload location", async ({
  signal,
}) => {
  const heard: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    heard.push(request.headers.authorization);
    request.resume();
    response.writeHead(request.method === "PUT" ? 201 : 200, { "Content-Type": "x" }).end("{}");
  });
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  const elsewhere = `http://localhost:${(other.address() as AddressInfo).port}/x`;
  const asked: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers.authorization);
    request.resume();
    if (request.headers.authorization === undefined)
      return response.writeHead(401, { "WWW-Authenticate": 'Basic realm="x"' }).end();
    return response.writeHead(request.method === "POST" ? 202 : 307, { Location: elsewhere }).end();
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}/a/b`;
  const ada = { username: "ada", password: "secret" };
  const repo = registry.repository(parseReference(name), ada, "push");
  try {
    await repo.manifest("1", signal);
    async function* bytes(): AsyncGenerator<Uint8Array> {
      yield Buffer.from("{}");
    }
    await repo.pushBlob(digestOf("{}"), 2, bytes, signal);
    expect(asked.filter((header) => header?.startsWith("Basic ")).length).toBe(2);
    expect(heard).toEqual([undefined, undefined]);
  } finally {
    for (const each of [server, other]) {
      each.closeAllConnections();
      each.close();
    }
  }
});

test("redirects in a circle, to files and to nonsense are refused", async ({ signal }) => {
  const cases = [
    ["/v2/a/b/manifests/1", "redirects more than"],
    ["file:///etc/passwd", "is refused"],
    ["http://", "redirects to"],
    ["ftp://127.0.0.1/x", "is refused"],
    ["data:application/json,{}", "is refused"],
  ] as const;
  for (const [location, words] of cases)
    await hostile(
      (_, response) => response.writeHead(302, { Location: location }).end(),
      (repo) => expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("unavailable", words)),
    );
});

test("token services that are no URL, give no token, or a token with line breaks are refused", async ({
  signal,
}) => {
  const answers = [
    "{}",
    "not json",
    JSON.stringify({ token: "a\r\nX-Evil: 1" }),
    JSON.stringify({ token: 5 }),
  ];
  for (const answer of answers)
    await hostile(
      (request, response) => {
        if (request.url?.startsWith("/token") === true) return response.end(answer);
        const realm = `http://${request.headers.host}/token`;
        return response.writeHead(401, { "WWW-Authenticate": `Bearer realm="${realm}"` }).end();
      },
      (repo) =>
        expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("unauthorized", "without a token")),
    );
  await hostile(
    (_, response) => response.writeHead(401, { "WWW-Authenticate": 'Bearer realm="javascript:1"' }).end(),
    (repo) =>
      expect(repo.manifest("1", signal)).rejects.toMatchObject(refusal("unauthorized", "token service")),
  );
});

test("tag lists that are no JSON and errors with control characters stay errors of ours", async ({
  signal,
}) => {
  await hostile(
    (_, response) => response.end("<html>"),
    (repo) => expect(repo.tags(signal)).rejects.toMatchObject(refusal("unavailable", "not JSON")),
  );
  const body = JSON.stringify({ errors: [{ code: "BAD\u001B[31m", message: "x\r\ny".repeat(1000) }] });
  await hostile(
    (_, response) => response.writeHead(400).end(body),
    async (repo) => {
      const error = await repo.manifest("1", signal).catch((caught: unknown) => caught);
      expect(error).toMatchObject({ kind: "invalid" });
      expect((error as Error).message).toMatch(/^[\x20-\x7e]{1,400}$/);
    },
  );
});

test("an abort ends every request with its own reason", async () => {
  const reason = new Error("client went away");
  await hostile(
    () => {},
    async (repo) => {
      const stop = new AbortController();
      const asked = repo.manifest("1", stop.signal);
      setTimeout(() => stop.abort(reason), 50);
      await expect(asked).rejects.toBe(reason);
      const blob = all(repo.blob(digest, 10, 0, AbortSignal.abort(reason)));
      await expect(blob).rejects.toBe(reason);
    },
  );
});
