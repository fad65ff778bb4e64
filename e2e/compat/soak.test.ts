import { readdirSync, readFileSync } from "node:fs";
import { request } from "node:http";
import {
  difference,
  dockerArchive,
  type EngineUnderTest,
  startEngine,
  starterRecipe,
} from "@longshore/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "./docker.ts";

/**
 * Containers made, run and removed by fifty clients at once: nothing grows. `npm run soak` makes two thousand, and looks at memory too,
 * which says something only after many.
 */
const CONTAINERS = Number(process.env["SOAK_CONTAINERS"] ?? 100);
const CLIENTS = 50;
const MEMORY_COUNTS_FROM = 1000;
const GROWTH_BYTES = 32 << 20;
const cgroupParent = `/longshore-soak-${process.pid}`;
let engine: EngineUnderTest;
beforeAll(async () => {
  engine = await startEngine({ cgroupParent });
  expect((await ask("POST", "/images/load", dockerArchive(starterRecipe()))).status).toBe(200);
});
afterAll(() => engine[Symbol.asyncDispose]());

function ask(
  method: string,
  path: string,
  body: string | Buffer = "",
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const type = Buffer.isBuffer(body) ? "application/x-tar" : "application/json";
    const headers = { "Content-Type": type, "Content-Length": Buffer.byteLength(body) };
    const sent = request({ socketPath: engine.socket, method, path, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.once("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.once("error", reject);
    });
    sent.once("error", reject);
    sent.end(body);
  });
}

/** One container's life, by the API, with a volume and a port of its own. */
async function live(): Promise<void> {
  const body = {
    Image: "longshore/starter",
    Cmd: ["sh", "-c", "echo hello; exit 7"],
    Volumes: { "/data": {} },
    ExposedPorts: { "80/tcp": {} },
    HostConfig: {
      CgroupParent: cgroupParent,
      PortBindings: { "80/tcp": [{ HostIp: "127.0.0.1", HostPort: "" }] },
    },
  };
  const made = await ask("POST", "/containers/create", JSON.stringify(body));
  expect(made, made.text).toMatchObject({ status: 201 });
  const { Id } = JSON.parse(made.text) as { Id: string };
  const started = await ask("POST", `/containers/${Id}/start`);
  expect(started, started.text).toMatchObject({ status: 204 });
  expect((await ask("POST", `/containers/${Id}/wait`)).text).toContain('"StatusCode":7');
  expect((await ask("GET", `/containers/${Id}/logs?stdout=1`)).text).toContain("hello");
  expect(await ask("DELETE", `/containers/${Id}?v=1`)).toMatchObject({ status: 204 });
}

async function liveByMany(count: number): Promise<void> {
  let rest = count;
  await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      while (rest-- > 0) await live();
    }),
  );
}

const descriptors = (): number => readdirSync(`/proc/${engine.pid}/fd`).length;

/** Resident memory of the engine. Source: proc_pid_status(5). */
const memoryBytes = (): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${engine.pid}/status`, "utf8"))?.[1]) * 1024;

test(
  `${CONTAINERS} containers of ${CLIENTS} clients at once leave nothing, and nothing grows`,
  { timeout: 3_600_000 },
  async () => {
    await liveByMany(Math.ceil(CONTAINERS / 2));
    const before = await engine.inventory();
    const descriptorsBefore = descriptors();
    const memoryBefore = memoryBytes();
    await liveByMany(Math.floor(CONTAINERS / 2));
    const left = async (): Promise<readonly string[]> => difference(before, await engine.inventory());
    await until("nothing to be left", async () => (await left()).length === 0).catch(async () =>
      expect(await left()).toEqual([]),
    );
    await until("descriptors to be closed", async () => descriptors() <= descriptorsBefore + CLIENTS / 2);
    const grown = memoryBytes() - memoryBefore;
    console.log(
      `engine: ${Math.round(memoryBytes() / 2 ** 20)} MiB resident, ${Math.round(grown / 2 ** 20)} more than half way, ${descriptors()} descriptors`,
    );
    if (CONTAINERS >= MEMORY_COUNTS_FROM) expect(grown).toBeLessThan(GROWTH_BYTES);
  },
);
