import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { startGate, startRegistry } from "@longshore/testkit";
import { silentLogger } from "#kernel";
import { hexOf } from "#spec";
import { CHUNK_BYTES, registryConformance } from "./conformance.ts";
import { USUAL_LIMITS } from "./http-client.ts";
import { openRegistry } from "./index.ts";

const limits = { ...USUAL_LIMITS, firstPauseMs: 1, chunkBytes: CHUNK_BYTES };
let upstream: Awaited<ReturnType<typeof startRegistry>>;
beforeAll(async () => {
  upstream = await startRegistry();
});
afterAll(() => upstream[Symbol.asyncDispose]());

registryConformance("the client of docker-registry", async ({ users, cutAfterBytes }) => {
  const gate = await startGate(upstream.host, {
    ...(users !== undefined && { auth: "bearer", users }),
    ...(cutAfterBytes !== undefined && { cutAfterBytes }),
  });
  const registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
  return {
    registry,
    host: gate.host,
    offsets: () =>
      gate.requests
        .filter(({ method, path }) => method === "GET" && /\/blobs\/sha256:/.test(path))
        .map(({ range }) => Number(/^bytes=(\d+)-$/.exec(range ?? "bytes=0-")?.[1])),
    spoil: (digest, bytes) => {
      const hex = hexOf(digest);
      const place = `docker/registry/v2/blobs/sha256/${hex.slice(0, 2)}/${hex}/data`;
      writeFileSync(join(upstream.storage, place), bytes);
    },
    [Symbol.asyncDispose]: async () => {
      await registry[Symbol.asyncDispose]();
      await gate[Symbol.asyncDispose]();
    },
  };
});
