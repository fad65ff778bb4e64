import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex, PassThrough, Readable, Writable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Docker } from "./docker.ts";
import { demuxStream } from "./frames.ts";

let folder: string;
let socketPath: string;
let server: Server;
let answer: (socket: Socket) => void;
const open = new Set<Socket>();
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "longshore-transport-"));
  socketPath = join(folder, "engine.sock");
  server = createServer((socket) => {
    open.add(socket);
    socket.on("error", () => undefined);
    socket.resume();
    answer(socket);
  });
  server.listen(socketPath);
  await once(server, "listening");
});
afterEach(() => {
  for (const socket of open) socket.destroy();
  server.close();
  rmSync(folder, { recursive: true });
});

const endless = (): Readable => new Readable({ read: () => undefined });

test("a request fails when its engine is silent for as long as it may be, through a stream of one's own too", async () => {
  answer = () => undefined;
  const silent = { statusCode: 0, message: expect.stringContaining("not a byte for 50 ms") as string };
  await expect(new Docker({ socketPath, timeout: 50 }).info()).rejects.toMatchObject(silent);
  const connect = (): Duplex => new Duplex({ read: () => undefined, write: (_, __, done) => done() });
  await expect(new Docker({ connect, timeout: 50 }).info()).rejects.toMatchObject(silent);
});

test("an answer that has begun may take its time", async () => {
  answer = (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{");
    setTimeout(() => socket.write("}"), 120);
  };
  expect(await new Docker({ socketPath, timeout: 50 }).info()).toEqual({});
});

test("the source of an upload is closed when the upload is refused or given up", async () => {
  answer = (socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 16\r\n\r\n{"message":"no"}');
  const docker = new Docker({ socketPath });
  const refused = endless();
  await expect(docker.loadImage(refused)).rejects.toMatchObject({ statusCode: 404, reason: "no" });
  await expect.poll(() => refused.destroyed).toBe(true);
  answer = () => stop.abort(new Error("given up"));
  const stop = new AbortController();
  const abandoned = endless();
  await expect(docker.loadImage(abandoned, { abortSignal: stop.signal })).rejects.toThrow("given up");
  await expect.poll(() => abandoned.destroyed).toBe(true);
});

test("an upload whose source fails says so", async () => {
  answer = () => undefined;
  const source = endless();
  const loading = new Docker({ socketPath }).loadImage(source);
  source.destroy(new Error("disk gone"));
  await expect(loading).rejects.toMatchObject({
    statusCode: 0,
    message: expect.stringContaining("the upload's source failed: disk gone") as string,
  });
});

test("an answer that is no JSON, or breaks off, is an error of the engine's", async () => {
  answer = (socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz");
  const docker = new Docker({ socketPath });
  await expect(docker.info()).rejects.toMatchObject({
    statusCode: 0,
    message: expect.stringContaining('the engine\'s answer is no JSON: "xyz"') as string,
  });
  answer = (socket) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{"a":');
    setImmediate(() => socket.destroy());
  };
  await expect(docker.info()).rejects.toMatchObject({
    statusCode: 0,
    message: expect.stringContaining("the engine's answer broke off") as string,
  });
});

test("demuxStream() waits for an output that is full, and for one that is closed no more", async () => {
  const written: (() => void)[] = [];
  const slow = new Writable({ highWaterMark: 1, write: (_, __, done) => void written.push(done) });
  const source = new PassThrough({ highWaterMark: 1 });
  demuxStream(source, slow, new PassThrough());
  const frame = Buffer.from([1, 0, 0, 0, 0, 0, 0, 1, 120]);
  source.write(frame);
  await expect.poll(() => source.isPaused()).toBe(true);
  written.shift()?.();
  await expect.poll(() => source.isPaused()).toBe(false);
  source.write(frame);
  await expect.poll(() => source.isPaused()).toBe(true);
  slow.destroy();
  await expect.poll(() => source.isPaused()).toBe(false);
});
