import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

test("a body on an attach (dockerode sends its options there) is no stdin", async () => {
  const name = docker.fresh("attach-body");
  await docker.ok("create", "-i", "--name", name, STARTER, "cat");
  const socket = connect(docker.socket);
  const body = '{"stream":true,"stdin":true}';
  socket.write(
    `POST /v1.41/containers/${name}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\n` +
      `Upgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  let head = "";
  await until("101", async () =>
    (head += String((socket.read() as Buffer | null) ?? "")).includes("\r\n\r\n"),
  );
  expect(head).toMatch(/^HTTP\/1\.1 101 /);
  await docker.ok("start", name);
  socket.end("typed");
  const said = await text(socket);
  expect(said.slice(8)).toBe("typed");
  await docker.ok("rm", "-f", name);
});
