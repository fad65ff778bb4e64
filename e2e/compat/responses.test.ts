import { request } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";
import { faultsOf, readDescription } from "./engine-api/schema.ts";

const api = readDescription();
let docker: Docker;
let execId = "";
beforeAll(async () => {
  docker = await openDocker();
  await docker.ok("volume", "create", "data", "--label", "a=b");
  await docker.ok("network", "create", "net", "--label", "a=b");
  const health = ["--health-cmd", "true", "--health-interval", "100ms"];
  await docker.ok(
    "run",
    "-d",
    "--name",
    "running",
    "-p",
    "80",
    "-v",
    "data:/data",
    "-m",
    "64m",
    "--network",
    "net",
    ...health,
    STARTER,
    "sleep",
    "600",
  );
  await docker.ok(
    "run",
    "--name",
    "ended",
    "--restart",
    "no",
    "-e",
    "A=b",
    "--ulimit",
    "nofile=100",
    STARTER,
    "sh",
    "-c",
    "touch /x",
  );
  await until(
    "a health result",
    async () => (await docker.ok("inspect", "running", "--format", "{{.State.Health.Status}}")) === "healthy",
  );
  const made = (await send("POST", "/containers/running/exec", { Cmd: ["true"] })).body as { Id: string };
  execId = made.Id;
});
afterAll(() => docker[Symbol.asyncDispose]());

function send(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { "Content-Type": "application/json" };
    const sent = request(
      { socketPath: docker.socket, method, path: `/v1.51${path}`, headers },
      (response) => {
        let text = "";
        response.on("data", (chunk: Buffer) => (text += chunk.toString()));
        response.once("end", () => {
          const isJson = (response.headers["content-type"] ?? "").startsWith("application/json");
          resolve({
            status: response.statusCode ?? 0,
            body: isJson && text !== "" ? JSON.parse(firstOf(path, text)) : text,
          });
        });
      },
    );
    sent.once("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Events are one JSON text a line. */
const firstOf = (path: string, text: string): string =>
  path.startsWith("/events") ? (text.split("\n", 1)[0] ?? "") : text;

/** Each described operation with what stands for its parameters. Streams and files have tests of their own. */
const cases: readonly (readonly [operation: string, path: string, body?: unknown])[] = [
  ["GET /containers/json", "/containers/json?all=1&size=1"],
  ["GET /containers/{id}/json", "/containers/running/json?size=1"],
  ["GET /containers/{id}/json", "/containers/ended/json"],
  ["GET /containers/{id}/top", "/containers/running/top"],
  ["GET /containers/{id}/changes", "/containers/ended/changes"],
  ["GET /containers/{id}/stats", "/containers/running/stats?stream=0&one-shot=1"],
  ["GET /containers/{id}/stats", "/containers/ended/stats?stream=0"],
  ["POST /containers/create", "/containers/create", { Image: STARTER }],
  ["POST /containers/{id}/update", "/containers/running/update", { Memory: 70_000_000, MemorySwap: -1 }],
  ["POST /containers/{id}/wait", "/containers/ended/wait"],
  ["POST /containers/prune", `/containers/prune?filters=${encodeURIComponent('{"label":["none"]}')}`],
  ["GET /images/json", "/images/json?all=1&digests=1"],
  ["GET /images/{name}/json", `/images/${STARTER}/json`],
  ["GET /images/{name}/history", `/images/${STARTER}/history`],
  ["POST /images/prune", "/images/prune"],
  ["GET /info", "/info"],
  ["GET /version", "/version"],
  ["GET /system/df", "/system/df"],
  ["GET /events", "/events?since=1&until=NOW"],
  ["POST /containers/{id}/exec", "/containers/running/exec", { Cmd: ["true"] }],
  ["GET /exec/{id}/json", "/exec/EXEC/json"],
  ["GET /volumes", "/volumes"],
  ["POST /volumes/create", "/volumes/create", { Name: "more" }],
  ["GET /volumes/{name}", "/volumes/data"],
  ["POST /volumes/prune", "/volumes/prune"],
  ["GET /networks", "/networks"],
  ["GET /networks/{id}", "/networks/net"],
  ["POST /networks/create", "/networks/create", { Name: "more" }],
  ["POST /networks/prune", "/networks/prune"],
  ["GET /plugins", "/plugins"],
  ["POST /build/prune", "/build/prune"],
];

/** Members of events that the description leaves out, and that clients before API 1.52 read. */
const OLDER = ["status", "id", "from"].map((name) => `$.${name}: is not described`);

test.for(cases)("%s answers as described (%s)", async ([operation, path, body]) => {
  const [method = "", template = ""] = operation.split(" ");
  const { status, body: answer } = await send(
    method,
    path.replace("EXEC", execId).replace("NOW", String(Date.now() / 1000)),
    body,
  );
  const described = api.paths[template]?.[method.toLowerCase()]?.responses;
  expect(Object.keys(described ?? {}), `${operation} answered ${status}`).toContain(String(status));
  expect(status).toBeLessThan(300);
  const schema = described?.[String(status)]?.schema;
  const faults = schema === undefined ? [] : faultsOf(api, schema, answer);
  expect(faults.filter((fault) => !OLDER.includes(fault))).toEqual([]);
});

test("an error has the described form", async () => {
  const { status, body } = await send("GET", "/containers/nosuch/json");
  expect(status).toBe(404);
  expect(faultsOf(api, { $ref: "#/definitions/ErrorResponse" }, body)).toEqual([]);
});
