import { afterAll, beforeAll, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { digestOf, parseReference } from "#spec";
import {
  type Gate,
  type GateOptions,
  type Registry as RegistryUnderTest,
  startGate,
  startRegistry,
} from "@longshore/testkit";
import { USUAL_LIMITS } from "./http-client.ts";
import { openRegistry, type Repository } from "./index.ts";

const users = { ada: "secret" };
const ada = { username: "ada", password: "secret" };
const content = Buffer.alloc(1_000_000, "0123456789abcdefghijklm\n");
const blob = digestOf(content);
const limits = { ...USUAL_LIMITS, firstPauseMs: 1, chunkBytes: 300_000 };

let upstream: RegistryUnderTest;
beforeAll(async () => {
  upstream = await startRegistry();
});
afterAll(() => upstream[Symbol.asyncDispose]());

/** Works with one repository behind a gate of its own. */
async function through(
  name: string,
  options: GateOptions,
  work: (repo: Repository, gate: Gate) => Promise<void>,
): Promise<void> {
  await using gate = await startGate(upstream.host, options);
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
  await work(registry.repository(parseReference(`${gate.host}/${name}`), ada, "push"), gate);
}

/** Pushes the blob; which offsets it was read from. */
async function push(repo: Repository, signal: AbortSignal): Promise<readonly number[]> {
  const opened: number[] = [];
  async function* open(fromByte: number): AsyncGenerator<Uint8Array> {
    opened.push(fromByte);
    for (let at = fromByte; at < content.length; at += 70_000)
      yield content.subarray(at, Math.min(at + 70_000, content.length));
  }
  await repo.pushBlob(blob, content.length, open, signal);
  return opened;
}

async function isThere(name: string): Promise<boolean> {
  const answer = await fetch(`http://${upstream.host}/v2/${name}/blobs/${blob}`);
  return answer.status === 200 && digestOf(Buffer.from(await answer.arrayBuffer())) === blob;
}

const chunksOf = (gate: Gate): readonly (string | undefined)[] =>
  gate.requests.filter(({ method }) => method === "PATCH").map(({ contentRange }) => contentRange);

test("a large blob travels in chunks, each beginning where the one before ended", async ({ signal }) => {
  await through("up/chunks", {}, async (repo, gate) => {
    expect(await push(repo, signal)).toEqual([0, 300_000, 600_000, 900_000]);
    expect(chunksOf(gate)).toEqual(["0-299999", "300000-599999", "600000-899999", "900000-999999"]);
  });
  expect(await isThere("up/chunks")).toBe(true);
});

test("an upload that is cut goes on where the registry says it is", async ({ signal }) => {
  await through("up/cut", { chunks: (n) => (n === 3 ? "cut" : "forward") }, async (repo, gate) => {
    await push(repo, signal);
    expect(chunksOf(gate)).toEqual([
      "0-299999",
      "300000-599999",
      "600000-899999",
      "600000-899999",
      "900000-999999",
    ]);
    expect(gate.requests.filter(({ method }) => method === "GET").length).toBe(1);
    expect(gate.requests.filter(({ method }) => method === "POST").length).toBe(1);
  });
  expect(await isThere("up/cut")).toBe(true);
});

test("a registry that takes no chunks gets the blob whole, and the begun upload is given up", async ({
  signal,
}) => {
  await through("up/whole", { chunks: () => "refuse" }, async (repo, gate) => {
    await push(repo, signal);
    expect(gate.requests.map(({ method }) => method)).toEqual(["POST", "PATCH", "DELETE", "POST", "PUT"]);
  });
  expect(await isThere("up/whole")).toBe(true);
});

test("an upload that is cut each time is given up with the reason", async ({ signal }) => {
  await through("up/never", { chunks: () => "cut" }, async (repo, gate) => {
    await expect(push(repo, signal)).rejects.toMatchObject({ kind: "unavailable" });
    expect(chunksOf(gate)).toEqual(Array.from({ length: 6 }, () => "0-299999"));
  });
  expect(await isThere("up/never")).toBe(false);
});

test("mountBlob() asks for leave to read the source, and says when there is nothing to mount", async ({
  signal,
}) => {
  await through("up/source", {}, async (repo) => void (await push(repo, signal)));
  await through("up/mounted", { auth: "bearer", users }, async (repo, gate) => {
    await expect(repo.hasBlob(blob, signal)).resolves.toBe(false);
    await expect(repo.mountBlob(blob, "up/source", signal)).resolves.toBe(true);
    await expect(repo.mountBlob(digestOf("nothing"), "up/source", signal)).resolves.toBe(false);
    expect(gate.tokens.map(({ scope }) => scope)).toEqual([
      "repository:up/mounted:pull,push",
      "repository:up/mounted:pull,push repository:up/source:pull",
    ]);
  });
  expect(await isThere("up/mounted")).toBe(true);
});

test("login() brings home an identity token, which opens the door in the password's place", async ({
  signal,
}) => {
  const options = { auth: "bearer", users, identityToken: "for-long" } as const;
  await through("up/identity", options, async (_, gate) => {
    await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
    await expect(registry.login({ ...ada, serveraddress: gate.host }, signal)).resolves.toEqual({
      identityToken: "for-long",
      status: "Login Succeeded",
    });
    const reference = parseReference(`${gate.host}/up/identity`);
    const known = registry.repository(reference, { username: "ada", identitytoken: "for-long" }, "push");
    await expect(known.hasBlob(blob, signal)).resolves.toBe(false);
    expect(gate.tokens.at(-1)?.user).toBe("refreshed");
    const unknown = registry.repository(reference, { username: "ada", identitytoken: "old" }, "push");
    await expect(unknown.hasBlob(blob, signal)).rejects.toMatchObject({ kind: "unauthorized" });
  });
});

test("login() refuses in Docker's words", async ({ signal }) => {
  await using registry = openRegistry({ log: silentLogger, mirrors: [], insecure: [], limits });
  const words = {
    bearer: /^Get "http:\/\/.*\/v2\/": unauthorized: incorrect username or password/,
    basic: /^login attempt to http:\/\/.*\/v2\/ failed with status: 401 Unauthorized$/,
  };
  for (const auth of ["bearer", "basic"] as const)
    await through("up/login", { auth, users }, async (_, gate) => {
      const wrong = { ...ada, password: "guess", serveraddress: gate.host };
      await expect(registry.login(wrong, signal)).rejects.toMatchObject({
        kind: "unauthorized",
        message: expect.stringMatching(words[auth]) as string,
      });
    });
});
