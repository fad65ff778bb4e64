import { createServer, type IncomingMessage, type Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Duplex, type Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Docker } from "./docker.ts";
import { splitReference } from "./reference.ts";
import type { DockerError } from "./errors.ts";

let folder: string;
let server: Server;
let seen: { method: string; url: string; body: string }[];
let answer: { status: number; body: string };
let docker: Docker;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-client-"));
  seen = [];
  answer = { status: 200, body: "[]" };
  server = createServer((request, response) => {
    void text(request).then((body) => {
      seen.push({ method: request.method ?? "", url: request.url ?? "", body });
      response.writeHead(answer.status, { "Content-Type": "application/json" }).end(answer.body);
    });
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello ");
    socket.on("end", () => socket.end("bye"));
    socket.pipe(socket, { end: false });
    seen.push({ method: request.method ?? "", url: request.url ?? "", body: "" });
  });
  const socketPath = join(folder, "engine.sock");
  await new Promise<void>((done) => server.listen(socketPath, done));
  docker = new Docker({ socketPath, version: "v1.41" });
});

afterEach(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

test("listContainers() sends filters as JSON and the version as a prefix", async () => {
  await docker.listContainers({ all: true, filters: { label: ["a=b"] } });
  expect(seen[0]?.url).toBe(
    `/v1.41/containers/json?all=true&filters=${encodeURIComponent('{"label":["a=b"]}')}`,
  );
});

test("a method calls back when it is given a callback, with and without options", async () => {
  answer = { status: 200, body: '{"Id":"abc"}' };
  const container = docker.getContainer("a/b");
  const first = await new Promise((done) => container.inspect((error, result) => done([error, result?.Id])));
  const second = await new Promise((done) =>
    container.inspect({ size: true }, (error, result) => done([error, result?.Id])),
  );
  expect([first, second]).toEqual([
    [null, "abc"],
    [null, "abc"],
  ]);
  expect(seen.map((s) => s.url)).toEqual([
    "/v1.41/containers/a%2Fb/json",
    "/v1.41/containers/a%2Fb/json?size=true",
  ]);
});

test("an answer above 399 becomes a DockerError with the engine's words", async () => {
  answer = { status: 404, body: '{"message":"No such container: x"}' };
  await expect(docker.getContainer("x").start()).rejects.toMatchObject({
    name: "DockerError",
    statusCode: 404,
    reason: "No such container: x",
    message: "(HTTP code 404) no such object - No such container: x",
  });
});

test("the trash and the reclaim ledger are Longshore's own paths, so that no other engine removes anything for good", async () => {
  answer = { status: 404, body: '{"message":"page not found"}' };
  const { longshore } = docker;
  const gone = { statusCode: 404 };
  await expect(longshore.discard({ kind: "image", id: "a:1" })).rejects.toMatchObject(gone);
  await expect(longshore.trashLimits()).rejects.toMatchObject(gone);
  await expect(longshore.pruneIntoTrash("volume", { all: ["true"] })).rejects.toMatchObject(gone);
  await expect(longshore.restore("a/b", { name: "c" })).rejects.toMatchObject(gone);
  await expect(longshore.emptyTrash()).rejects.toMatchObject(gone);
  await expect(longshore.emptyTrash(["a"])).rejects.toMatchObject(gone);
  await expect(longshore.reclaim([{ kind: "trash", id: "a" }])).rejects.toMatchObject(gone);
  expect(seen.map(({ method, url, body }) => `${method} ${url} ${body}`)).toEqual([
    'POST /longshore/v1/trash {"kind":"image","id":"a:1"}',
    "GET /longshore/v1/trash/limits ",
    `POST /longshore/v1/trash/prune?kind=volume&filters=${encodeURIComponent('{"all":["true"]}')} `,
    'POST /longshore/v1/trash/a%2Fb/restore {"name":"c"}',
    "POST /longshore/v1/trash/empty {}",
    'POST /longshore/v1/trash/empty {"ids":["a"]}',
    'POST /longshore/v1/reclaim {"items":[{"kind":"trash","id":"a"}]}',
  ]);
});

test("a socket that nobody serves becomes a DockerError with status 0", async () => {
  const nobody = new Docker({ socketPath: join(folder, "none.sock") });
  const error = await nobody.ping().catch((e: DockerError) => e);
  expect(error).toMatchObject({ statusCode: 0 });
});

test("an aborted call rejects with the signal's reason", async () => {
  const reason = new Error("window closed");
  await expect(docker.ping({ abortSignal: AbortSignal.abort(reason) })).rejects.toBe(reason);
});

test("attach() hands over a stream that works both ways and half-closes", async () => {
  const stream = await docker.getContainer("x").attach({ stream: true, stdin: true, stdout: true });
  stream.end("typed ");
  expect(await text(stream)).toBe("hello typed bye");
});

test("connect opens the way to an engine over any stream", async () => {
  answer = { status: 200, body: "OK" };
  const over = new Docker({ connect: () => connect(join(folder, "engine.sock")) });
  expect(await over.ping()).toBe("OK");
});

test("loadImage() streams the archive as it comes", async () => {
  const archive = new PassThrough();
  archive.end("tar bytes");
  await text((await docker.loadImage(archive)) as Readable);
  expect(seen[0]).toMatchObject({ method: "POST", url: "/v1.41/images/load", body: "tar bytes" });
});

test("followProgress() turns an error line into an error after the lines before it", async () => {
  answer = {
    status: 200,
    body: '{"status":"Pulling"}\n{"error":"no space","errorDetail":{"message":"no space"}}\n',
  };
  const stream = await docker.pull("alpine");
  const result = await new Promise<{ message: string | undefined; count: number }>((done) =>
    docker.modem.followProgress(stream, (error, lines) =>
      done({ message: error?.message, count: lines.length }),
    ),
  );
  expect(result).toEqual({ message: "no space", count: 2 });
});

test("splitReference() tells a port from a tag and keeps digests", () => {
  expect(splitReference("host:5000/a/b")).toEqual({ fromImage: "host:5000/a/b", tag: "latest" });
  expect(splitReference("host:5000/a/b:1")).toEqual({ fromImage: "host:5000/a/b", tag: "1" });
  expect(splitReference("a@sha256:12")).toEqual({ fromImage: "a", tag: "sha256:12" });
});
