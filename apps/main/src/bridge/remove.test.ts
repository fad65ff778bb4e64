import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Docker } from "@longshore/client";
import { afterEach, beforeEach, expect, test } from "vitest";
import { removeContainer, removeImage, removeVolume } from "./remove.ts";

const never = new AbortController().signal;
const gone = { force: true, volumes: true };
let folder: string;
let server: Server;
let seen: string[];
let answer: { status: number; body: string };
let docker: Docker;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-remove-"));
  seen = [];
  answer = { status: 200, body: "[]" };
  server = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push(`${request.method} ${request.url} ${body}`);
      response.writeHead(answer.status, { "Content-Type": "application/json" }).end(answer.body);
    });
  });
  const socketPath = join(folder, "engine.sock");
  await new Promise<void>((done) => server.listen(socketPath, done));
  docker = new Docker({ socketPath });
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

test("a removal goes into the trash and tells its entry", async () => {
  answer = { status: 201, body: '{"id":"entry"}' };
  const forGood = false;
  expect(await removeContainer(docker, { id: "web", ...gone, forGood }, never)).toEqual({ entry: "entry" });
  expect(await removeImage(docker, { id: "a:1", force: false, forGood }, never)).toEqual({ entry: "entry" });
  answer = { status: 201, body: "{}" };
  expect(await removeVolume(docker, { name: "data", force: false, forGood }, never)).toEqual({ entry: null });
  expect(seen).toEqual([
    'POST /longshore/v1/trash {"kind":"container","id":"web","isForced":true,"hasVolumes":true}',
    'POST /longshore/v1/trash {"kind":"image","id":"a:1","isForced":false}',
    'POST /longshore/v1/trash {"kind":"volume","id":"data","isForced":false}',
  ]);
});

test.each([
  [404, "page not found"],
  [503, "the trash is off (--trash-quota 0), want a removal for good instead"],
])("an engine without a trash refuses with %i, and is not asked for more", async (status, message) => {
  answer = { status, body: JSON.stringify({ message }) };
  const forGood = false;
  const refused = { statusCode: status, reason: message };
  await expect(removeContainer(docker, { id: "web", ...gone, forGood }, never)).rejects.toMatchObject(
    refused,
  );
  await expect(removeImage(docker, { id: "a", force: true, forGood }, never)).rejects.toMatchObject(refused);
  await expect(removeVolume(docker, { name: "d", force: true, forGood }, never)).rejects.toMatchObject(
    refused,
  );
  expect(seen.map((line) => line.split(" ", 2).join(" "))).toEqual(Array(3).fill("POST /longshore/v1/trash"));
});

test("for good it is Docker's own removal", async () => {
  const forGood = true;
  expect(await removeContainer(docker, { id: "web", ...gone, forGood }, never)).toEqual({ entry: null });
  expect(await removeImage(docker, { id: "a:1", force: true, forGood }, never)).toEqual({ entry: null });
  expect(await removeVolume(docker, { name: "data", force: true, forGood }, never)).toEqual({ entry: null });
  expect(seen).toEqual([
    expect.stringMatching(/^DELETE \S*\/containers\/web\?force=true&v=true /),
    expect.stringMatching(/^DELETE \S*\/images\/a%3A1\?force=true /),
    expect.stringMatching(/^DELETE \S*\/volumes\/data\?force=true /),
  ]);
});
