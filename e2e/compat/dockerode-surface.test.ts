import { createServer, type IncomingMessage, type Server } from "node:http";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Duplex } from "node:stream";
import { Docker } from "@longshore/client";
import Dockerode from "dockerode";
import { afterAll, beforeAll, expect, test } from "vitest";

/** Every method of dockerode, walked from its prototypes, asked of both libraries over a server that only writes down. */
let folder: string;
let server: Server;
let asked: string[] = [];
let ours: Docker;
let theirs: Dockerode;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-surface-"));
  const note = (request: IncomingMessage): void => {
    asked.push(`${request.method} ${new URL(request.url ?? "", "http://engine").pathname}`);
  };
  server = createServer((request, response) => {
    note(request);
    request.resume();
    // dockerode takes nothing else for a volume that is gone.
    const status = request.method === "DELETE" && (request.url ?? "").startsWith("/volumes/") ? 204 : 200;
    response.writeHead(status, { "x-docker-container-path-stat": Buffer.from("{}").toString("base64") });
    response.end(status === 204 ? "" : '{"Id":"made","ID":"made","Name":"made","StatusCode":0}');
  });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    note(request);
    socket.end("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n");
  });
  const socketPath = join(folder, "engine.sock");
  await new Promise<void>((done) => server.listen(socketPath, done));
  ours = new Docker({ socketPath });
  theirs = new Dockerode({ socketPath });
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  await rm(folder, { recursive: true, force: true });
});

type Loose = Record<string, (...values: readonly unknown[]) => unknown>;
type Opener = (docker: Loose) => unknown;

const objects: Readonly<Record<string, Opener>> = {
  Docker: (docker) => docker,
  Container: (docker) => docker["getContainer"]?.("one"),
  Image: (docker) => docker["getImage"]?.("a/b"),
  Volume: (docker) => docker["getVolume"]?.("one"),
  Network: (docker) => docker["getNetwork"]?.("one"),
  Exec: (docker) => docker["getExec"]?.("one"),
  Plugin: (docker) => docker["getPlugin"]?.("one", "far"),
  Service: (docker) => docker["getService"]?.("one"),
  Task: (docker) => docker["getTask"]?.("one"),
  Node: (docker) => docker["getNode"]?.("one"),
  Secret: (docker) => docker["getSecret"]?.("one"),
  Config: (docker) => docker["getConfig"]?.("one"),
};

const tar = (): PassThrough => new PassThrough().end("tar");
/** What a method wants before its options. */
const ahead: Readonly<Record<string, () => readonly unknown[]>> = {
  "Docker loadImage": () => [tar()],
  "Docker importImage": () => [tar()],
  "Docker buildImage": () => [tar()],
  "Container putArchive": () => [tar()],
  "Container deleteCheckpoint": () => ["point"],
  "Docker pull": () => ["a/b:1"],
  "Docker pullAll": () => ["a/b"],
  "Docker run": () => ["a/b", ["true"], null],
  "Docker runPromise": () => ["a/b", ["true"], null],
  "Docker runCallback": () => ["a/b", ["true"], null],
};
/** These answer by events or objects: they have tests of their own. */
const apart =
  /^(?:get(?:Container|Image|Volume|Network|Exec|Plugin|Service|Task|Node|Secret|Config)|followProgress)$/;
/** dockerode's form of these takes a callback and nothing ahead. */
const optionless = /^Image (?:history|get)$/;

const methods = Object.entries(objects).flatMap(([kind, open]) => {
  const object = open(new Dockerode({ socketPath: "/none" }) as unknown as Loose) as object;
  return Object.getOwnPropertyNames(Object.getPrototypeOf(object))
    .filter((name) => name !== "constructor")
    .map((name) => [kind, name] as const);
});

test("the walk finds what dockerode has", () => {
  expect(methods.length).toBeGreaterThan(120);
});

test.each(methods)("%s has %s", (kind, name) => {
  expect(typeof (objects[kind]?.(ours as unknown as Loose) as Loose | undefined)?.[name]).toBe("function");
});

async function requestsOf(
  docker: unknown,
  kind: string,
  name: string,
  isCallback: boolean,
): Promise<string[]> {
  asked = [];
  const object = objects[kind]?.(docker as Loose) as Loose;
  const options = optionless.test(`${kind} ${name}`) || name.startsWith("run") ? [] : [{}];
  const given = [...(ahead[`${kind} ${name}`]?.() ?? []), ...options];
  if (isCallback)
    await new Promise<void>((done, fail) => {
      void object[name]?.(...given, (error: Error | null) => (error === null ? done() : fail(error)));
    });
  else await object[name]?.(...given);
  return asked;
}

test.each(methods.filter(([, name]) => !apart.test(name)))(
  "%s: %s asks what dockerode asks, by promise and by callback",
  async (kind, name) => {
    const wanted = await requestsOf(theirs, kind, name, name === "runCallback");
    expect(wanted).not.toEqual([]);
    if (name !== "runCallback") expect(await requestsOf(ours, kind, name, false)).toEqual(wanted);
    if (name !== "runPromise") expect(await requestsOf(ours, kind, name, true)).toEqual(wanted);
  },
);
