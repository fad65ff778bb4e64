import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  difference,
  dockerArchive,
  type EngineUnderTest,
  fuzzed,
  startEngine,
  starterRecipe,
} from "@longshore/testkit";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "../docker.ts";
import { readDescription } from "../engine-api/schema.ts";
import { type FuzzRequest, requestsOf, STARTER } from "./requests.ts";

/**
 * Requests made from the description of the API at its oldest and newest version. None is answered with 500, none ends the engine, and
 * when what they made is removed nothing is left. `npm run fuzz` sends 10,000; FUZZ_SEED gives others, and fast-check names the
 * smallest request that fails.
 */
const RUNS = 150;
const SWEEP_EVERY = 100;
const folder = mkdtempSync(join(tmpdir(), "longshore-fuzz-"));
const cgroupParent = `/longshore-fuzz-${process.pid}`;
/** Containers without a parent of their own lie where those of other engines do: these are ours. */
const made = new Set<string>();
let engine: EngineUnderTest;
beforeAll(async () => {
  engine = await startEngine({
    cgroupParent,
    flags: ["--registry-mirror", "http://127.0.0.1:1"],
  });
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** A stream that goes on is left after its head and a moment. Status 0: it didn't answer in time, as a wait may. */
function send({ method, path, body, type }: FuzzRequest, patienceMs = 500): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": type, "Content-Length": Buffer.byteLength(body) };
    const sent = request({ socketPath: engine.socket, method, path, headers, agent: false }, (response) => {
      const status = response.statusCode ?? 0;
      let text = "";
      const leave = setTimeout(() => response.destroy(), status >= 400 ? 30_000 : patienceMs / 10);
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", () => undefined);
      response.once("close", () => noteMade(path, text));
      response.once("close", () => (clearTimeout(leave), clearTimeout(slow), resolve({ status, text })));
    });
    const slow = setTimeout(() => (sent.destroy(), resolve({ status: 0, text: "" })), patienceMs);
    sent.once("error", (error) => {
      clearTimeout(slow);
      reject(new Error(`${method} ${path}: ${error.message}\n${engine.log().slice(-3000)}`));
    });
    sent.end(body);
  });
}

function noteMade(path: string, text: string): void {
  const id = /^\{"Id":"([0-9a-f]{64})"/.exec(text)?.[1];
  if (id !== undefined && path.includes("/containers/create")) made.add(id);
}

/** Control groups of containers that are gone. */
const cgroupsLeft = (): readonly string[] =>
  ["", ...readdirSync("/sys/fs/cgroup")]
    .map((controller) => join("/sys/fs/cgroup", controller, "longshore"))
    .filter((parent) => existsSync(parent))
    .flatMap((parent) =>
      readdirSync(parent)
        .filter((name) => made.has(name))
        .map((name) => join(parent, name)),
    );

/** A request of the test's own: all of its answer. */
async function ask(method: string, path: string, body: string | Buffer = ""): Promise<Answer> {
  const type = Buffer.isBuffer(body) ? "application/x-tar" : "application/json";
  return send({ method, path, body, type }, 60_000);
}

/** A running container, a network and a volume for the next requests; those before may have removed them. */
async function provide(): Promise<void> {
  if ((await ask("GET", `/images/${STARTER}/json`)).status === 404)
    await ask("POST", "/images/load", dockerArchive(starterRecipe()));
  const body = { Image: STARTER, Cmd: ["sleep", "1000"], StopTimeout: 0 };
  const { status } = await ask("POST", "/containers/victim/start");
  if (status !== 304) {
    await ask("DELETE", "/containers/victim?force=1&v=1");
    await ask("POST", "/containers/create?name=victim", JSON.stringify(body));
    await ask("POST", "/containers/victim/start");
  }
}

/** Removes all that requests may have made. */
async function sweep(): Promise<void> {
  const list = async <T>(path: string): Promise<readonly T[]> =>
    JSON.parse((await ask("GET", path)).text) as T[];
  for (const { Id } of await list<{ Id: string }>("/containers/json?all=1"))
    await ask("DELETE", `/containers/${Id}?force=1&v=1`);
  await ask("POST", "/networks/prune");
  await ask("POST", `/volumes/prune?filters=${encodeURIComponent('{"all":["true"]}')}`);
  for (const { Id } of await list<{ Id: string }>("/images/json?all=1"))
    await ask("DELETE", `/images/${Id}?force=1`);
}

const descriptors = (): number => readdirSync(`/proc/${engine.pid}/fd`).length;

const requests = fc.oneof(
  ...(["1.41", "1.51"] as const).map((version) =>
    requestsOf(readDescription(version), version, folder, cgroupParent),
  ),
);

test(
  "no request made from the description is answered with 500, and none leaves anything behind",
  { timeout: 3_600_000 },
  async () => {
    await provide();
    await sweep();
    const before = await engine.inventory();
    const descriptorsBefore = descriptors();
    let count = 0;
    let isChanged = true;
    await fc.assert(
      fc.asyncProperty(requests, async (one) => {
        if (count++ % SWEEP_EVERY === 0) await sweep();
        if (isChanged || count % SWEEP_EVERY === 1) await provide();
        const answer = await send(one);
        isChanged = answer.status < 400 && one.method !== "GET" && one.method !== "HEAD";
        const shown = `${one.method} ${one.path} ${one.body.toString().slice(0, 2000)}`;
        expect(answer.status, `${shown}\n${answer.text}`).not.toBe(500);
        if (answer.status >= 400 && one.method !== "HEAD")
          expect(typeof (JSON.parse(answer.text) as { message: unknown }).message, shown).toBe("string");
      }),
      { ...fuzzed(RUNS), timeout: 120_000 },
    );
    expect((await ask("GET", "/_ping")).text).toBe("OK");
    expect(engine.log()).not.toContain("request failed by a bug");
    await sweep();
    await until(
      "nothing to be left",
      async () => difference(before, await engine.inventory()).length === 0,
    ).catch(async () => expect(difference(before, await engine.inventory())).toEqual([]));
    expect(made.size).toBeGreaterThan(0);
    expect(cgroupsLeft()).toEqual([]);
    // Sockets and files come and go; a leak of one a request would show as hundreds.
    await until("descriptors to be closed", async () => descriptors() < descriptorsBefore + 20);
  },
);
