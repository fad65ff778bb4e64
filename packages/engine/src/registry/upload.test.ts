import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { digestOf, parseReference } from "#spec";
import { USUAL_LIMITS } from "./http-client.ts";
import { openRegistry } from "./index.ts";

const content = Buffer.alloc(1_000_000, "0123456789abcdefghijklm\n");
const limits = { ...USUAL_LIMITS, firstPauseMs: 1, chunkBytes: 400_000 };

test("an upload that is cut inside a chunk goes on at the byte that the registry names", async ({
  signal,
}) => {
  const held: Buffer[] = [];
  const ranges: string[] = [];
  let mayCut = true;
  const size = (): number => held.reduce((sum, piece) => sum + piece.length, 0);
  // Keeps what came of a cut chunk, as the distribution spec allows; docker-registry forgets the upload instead.
  const server = createServer((request, response) => {
    const answer = (status: number): void =>
      void response.writeHead(status, { Location: "/v2/a/b/up/1", Range: `0-${size() - 1}` }).end();
    if (request.method === "POST") return answer(202);
    if (request.method === "GET") return answer(204);
    if (request.method === "PUT") return answer(201);
    ranges.push(request.headers["content-range"] ?? "");
    request.on("data", (piece: Buffer) => {
      if (request.destroyed) return;
      held.push(piece);
      if (!mayCut || size() < 500_000) return;
      mayCut = false;
      request.destroy();
    });
    request.on("end", () => answer(202));
    request.on("error", () => {});
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
  const name = `127.0.0.1:${(server.address() as AddressInfo).port}/a/b`;
  try {
    const repo = registry.repository(parseReference(name), undefined, "push");
    async function* open(fromByte: number): AsyncGenerator<Uint8Array> {
      for (let at = fromByte; at < content.length; at += 50_000) yield content.subarray(at, at + 50_000);
    }
    await repo.pushBlob(digestOf(content), content.length, open, signal);
    expect(Buffer.concat(held).equals(content)).toBe(true);
    expect(ranges.slice(0, 2)).toEqual(["0-399999", "400000-799999"]);
    const [resumed = 0] = (ranges[2] ?? "").split("-").map(Number);
    expect(resumed).toBeGreaterThan(499_999);
    expect(resumed).toBeLessThan(800_000);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test.for([{ chunkBytes: 400_000 }, { chunkBytes: 3_000_000 }, { chunkBytes: 100_000_000 }])(
  "an upload sends each chunk before it asks for the next, whose memory may be the same: %o",
  async (more, { signal }) => {
    const held: Buffer[] = [];
    const server = createServer((request, response) => {
      request.on("data", (piece: Buffer) => held.push(piece));
      request.on("end", () =>
        response.writeHead(request.method === "PUT" ? 201 : 202, { Location: "/v2/a/b/up/1" }).end(),
      );
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    await using registry = openRegistry({
      log: silentLogger,
      mirrors: [],
      insecure: [],
      limits: { ...limits, ...more },
    });
    const name = `127.0.0.1:${(server.address() as AddressInfo).port}/a/b`;
    const long = Buffer.concat(
      Array.from({ length: 9 }, (_, index) => Buffer.alloc(1_000_003, `${index}abc`)),
    );
    try {
      const repo = registry.repository(parseReference(name), undefined, "push");
      async function* lend(fromByte: number): AsyncGenerator<Uint8Array> {
        const room = Buffer.alloc(512 * 1024);
        for (let at = fromByte; at < long.length; at += room.length) {
          yield room.subarray(0, long.copy(room, 0, at));
          room.fill(0);
        }
      }
      await repo.pushBlob(digestOf(long), long.length, lend, signal);
      expect(Buffer.concat(held).equals(long)).toBe(true);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  },
);
