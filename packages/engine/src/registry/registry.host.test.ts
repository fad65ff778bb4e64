import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { digestOf, parseReference } from "#spec";
import { type Registry as RegistryUnderTest, startGate, startRegistry } from "@longshore/testkit";
import { USUAL_LIMITS } from "./http-client.ts";
import { type Credentials, openRegistry, type Repository } from "./index.ts";

const OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const users = { ada: "secret" };
const ada: Credentials = { username: "ada", password: "secret" };
const content = Buffer.alloc(2_000_000, "0123456789abcdefghijklm\n");
const blob = digestOf(content);
const manifest = Buffer.from(
  JSON.stringify({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: "x", digest: blob, size: content.length },
    layers: [],
  }),
);

let upstream: RegistryUnderTest;
beforeAll(async () => {
  upstream = await startRegistry();
  await publish(upstream.host, "ls/app", undefined);
  await publish(upstream.host, "public/app", undefined);
  await publish(upstream.host, "library/app", undefined);
});
afterAll(() => upstream[Symbol.asyncDispose]());

const limits = { ...USUAL_LIMITS, firstPauseMs: 1, paceBytes: 10_000 };

/** One repository of a registry that lives as long as the test. */
function repository(
  name: string,
  credentials: Credentials | undefined,
  purpose: "pull" | "push",
  mirrors: readonly string[] = [],
): Repository & AsyncDisposable {
  const registry = openRegistry({ log: silentLogger, mirrors, insecure: [], limits });
  const repo = registry.repository(parseReference(name), credentials, purpose);
  return Object.assign(repo, { [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() });
}

async function publish(host: string, name: string, credentials: Credentials | undefined): Promise<void> {
  await using repo = repository(`${host}/${name}`, credentials, "push");
  const signal = AbortSignal.timeout(20_000);
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < content.length; at += 100_000) yield content.subarray(at, at + 100_000);
  }
  await repo.pushBlob(blob, content.length, bytes, signal);
  await repo.pushManifest("1", manifest, OCI_MANIFEST, signal);
}

async function fetched(repo: Repository, signal: AbortSignal): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of repo.blob(blob, content.length, 0, signal)) pieces.push(piece);
  return Buffer.concat(pieces);
}

describe("bearer tokens", () => {
  test("a pull asks for pull alone, once, and keeps the token for the blobs", async ({ signal }) => {
    await using gate = await startGate(upstream.host, { auth: "bearer", users });
    await using repo = repository(`${gate.host}/ls/app`, ada, "pull");
    await expect(repo.manifest("1", signal)).resolves.toMatchObject({
      digest: digestOf(manifest),
      mediaType: OCI_MANIFEST,
    });
    expect((await fetched(repo, signal)).equals(content)).toBe(true);
    await expect(repo.tags(signal)).resolves.toEqual(["1"]);
    expect(gate.tokens).toEqual([{ scope: "repository:ls/app:pull", user: "ada" }]);
    expect(gate.requests.every((seen) => !(seen.authorization ?? "").startsWith("Basic"))).toBe(true);
  });

  test("a push asks for both actions", async ({ signal }) => {
    await using gate = await startGate(upstream.host, { auth: "bearer", users });
    await publish(gate.host, "ls/pushed", ada);
    expect(new Set(gate.tokens.map((token) => token.scope))).toEqual(
      new Set(["repository:ls/pushed:pull,push"]),
    );
    await using repo = repository(`${upstream.host}/ls/pushed`, undefined, "pull");
    await expect(repo.hasBlob(blob, signal)).resolves.toBe(true);
  });

  test("nobody may pull what is public, and is told Docker's sentence for the rest", async ({ signal }) => {
    await using gate = await startGate(upstream.host, { auth: "bearer", users });
    await using open = repository(`${gate.host}/public/app`, undefined, "pull");
    await expect(open.manifest("1", signal)).resolves.toMatchObject({ digest: digestOf(manifest) });
    await using closed = repository(`${gate.host}/ls/app`, undefined, "pull");
    await expect(closed.manifest("1", signal)).rejects.toMatchObject({
      kind: "not_found",
      message: expect.stringContaining("pull access denied for") as string,
    });
    await using wrong = repository(`${gate.host}/ls/app`, { username: "ada", password: "no" }, "pull");
    await expect(wrong.manifest("1", signal)).rejects.toMatchObject({ kind: "unauthorized" });
  });

  test("a token that has run out is fetched anew", async ({ signal }) => {
    await using gate = await startGate(upstream.host, { auth: "bearer", users, tokenLifeSeconds: 1 });
    await using repo = repository(`${gate.host}/ls/app`, ada, "pull");
    await repo.manifest("1", signal);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    await repo.manifest("1", signal);
    expect(gate.tokens.length).toBe(2);
  });

  test("login() takes the right password and refuses the wrong one", async ({ signal }) => {
    for (const auth of ["bearer", "basic"] as const) {
      await using gate = await startGate(upstream.host, { auth, users });
      await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [] });
      await expect(registry.login({ ...ada, serveraddress: gate.host }, signal)).resolves.toMatchObject({
        status: "Login Succeeded",
      });
      await expect(
        registry.login({ ...ada, password: "no", serveraddress: gate.host }, signal),
      ).rejects.toMatchObject({ kind: "unauthorized" });
    }
  });
});

test("basic auth is sent only after it was asked for", async ({ signal }) => {
  await using gate = await startGate(upstream.host, { auth: "basic", users });
  await using repo = repository(`${gate.host}/ls/app`, ada, "pull");
  await expect(repo.manifest("1", signal)).resolves.toMatchObject({ digest: digestOf(manifest) });
  expect(gate.requests.map((seen) => seen.authorization?.split(" ")[0])).toEqual([undefined, "Basic"]);
});

test("a mirror serves docker.io, and never sees the registry's credentials", async ({ signal }) => {
  await using gate = await startGate(upstream.host);
  await using repo = repository("app", ada, "pull", [`http://${gate.host}`]);
  await expect(repo.manifest("1", signal)).resolves.toMatchObject({ digest: digestOf(manifest) });
  expect((await fetched(repo, signal)).equals(content)).toBe(true);
  expect(gate.requests.every((seen) => seen.path.startsWith("/v2/library/app/"))).toBe(true);
  expect(gate.requests.map((seen) => seen.authorization)).toEqual(gate.requests.map(() => undefined));
});

test("a mirror that lacks something passes on to the next one", async ({ signal }) => {
  const empty = createServer((_, response) => void response.writeHead(404).end());
  await new Promise<void>((done) => empty.listen(0, "127.0.0.1", done));
  try {
    await using gate = await startGate(upstream.host);
    const mirrors = [`http://127.0.0.1:${(empty.address() as AddressInfo).port}`, `http://${gate.host}`];
    await using repo = repository("app", undefined, "pull", mirrors);
    await expect(repo.manifest("1", signal)).resolves.toMatchObject({ digest: digestOf(manifest) });
  } finally {
    empty.close();
  }
});

test("a blob whose connection is cut again and again arrives whole, each byte asked for once", async ({
  signal,
}) => {
  await using gate = await startGate(upstream.host, { cutAfterBytes: 150_000 });
  await using repo = repository(`${gate.host}/ls/app`, undefined, "pull");
  expect((await fetched(repo, signal)).equals(content)).toBe(true);
  const starts = gate.requests.map((seen) => Number(/^bytes=(\d+)-$/.exec(seen.range ?? "bytes=0-")?.[1]));
  expect(starts.length).toBeGreaterThan(10);
  expect(starts.every((start, index) => index === 0 || start > (starts[index - 1] ?? 0))).toBe(true);
});

test("a redirect to another host gets the request without the credentials", async ({ signal }) => {
  const seen: IncomingHttpHeaders[] = [];
  const other = createServer((incoming, response) => {
    seen.push(incoming.headers);
    response.end(content);
  });
  await new Promise<void>((done) => other.listen(0, "127.0.0.1", done));
  try {
    const redirectBlobsTo = `http://localhost:${(other.address() as AddressInfo).port}`;
    await using gate = await startGate(upstream.host, { auth: "bearer", users, redirectBlobsTo });
    await using repo = repository(`${gate.host}/ls/app`, ada, "pull");
    expect((await fetched(repo, signal)).equals(content)).toBe(true);
    expect(gate.requests.at(-1)?.authorization).toMatch(/^Bearer /);
    expect(seen.map((headers) => headers.authorization)).toEqual([undefined]);
  } finally {
    other.closeAllConnections();
    other.close();
  }
});

test("a busy registry is asked again when it said so", async ({ signal }) => {
  await using gate = await startGate(upstream.host, { busy: { times: 2, retryAfter: "0" } });
  await using repo = repository(`${gate.host}/ls/app`, undefined, "pull");
  await expect(repo.manifest("1", signal)).resolves.toMatchObject({ digest: digestOf(manifest) });
  expect(gate.requests.length).toBe(3);
});
