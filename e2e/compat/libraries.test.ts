import { afterAll, beforeAll, expect, test } from "vitest";
import Docker from "dockerode";
import { PassThrough } from "node:stream";
import { GenericContainer, Wait } from "testcontainers";
import { type Docker as Cli, openDocker, STARTER } from "./docker.ts";

let cli: Cli;
let dockerode: Docker;
beforeAll(async () => {
  cli = await openDocker();
  dockerode = new Docker({ socketPath: cli.socket });
  process.env["DOCKER_HOST"] = `unix://${cli.socket}`;
  process.env["TESTCONTAINERS_RYUK_DISABLED"] = "true";
});
afterAll(async () => {
  delete process.env["DOCKER_HOST"];
  await cli[Symbol.asyncDispose]();
});

test("dockerode runs a container and reads both streams", async () => {
  const [out, err] = [new PassThrough(), new PassThrough()];
  const [seenOut, seenErr] = [out, err].map(async (stream) =>
    Buffer.concat(await stream.toArray()).toString(),
  );
  const container = await dockerode.createContainer({
    Image: STARTER,
    Cmd: ["sh", "-c", "echo o; echo e >&2; exit 3"],
  });
  const stream = await container.attach({ stream: true, stdout: true, stderr: true });
  container.modem.demuxStream(stream, out, err);
  stream.once("end", () => {
    out.end();
    err.end();
  });
  await container.start();
  expect(await container.wait()).toMatchObject({ StatusCode: 3 });
  expect([await seenOut, await seenErr]).toEqual(["o\n", "e\n"]);
  await container.remove();
  await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 });
});

test("dockerode execs, lists by filter and reads a file's tar", async () => {
  const container = await dockerode.createContainer({ Image: STARTER, Labels: { lib: cli.fresh("lib") } });
  await container.start();
  const exec = await container.exec({
    Cmd: ["sh", "-c", "cat; exit 4"],
    AttachStdin: true,
    AttachStdout: true,
  });
  const stream = await exec.start({ hijack: true, stdin: true });
  stream.end("typed");
  const bytes: Buffer = Buffer.concat(await stream.toArray());
  expect(bytes.subarray(8).toString()).toBe("typed");
  expect(await exec.inspect()).toMatchObject({ ExitCode: 4, Running: false });
  const listed = await dockerode.listContainers({ filters: { id: [container.id] } });
  expect(listed.map((item) => item.Id)).toEqual([container.id]);
  const archive = await container.getArchive({ path: "/www/index.html" });
  let size = 0;
  for await (const chunk of archive) size += chunk.length;
  expect(size).toBeGreaterThan(512);
  await container.remove({ force: true });
});

test("testcontainers starts an image with a port, waits for it, execs and reads logs", async () => {
  const container = await new GenericContainer(STARTER)
    .withExposedPorts(8080)
    .withCopyContentToContainer([{ content: "copied in", target: "/www/copied.txt" }])
    .withWaitStrategy(Wait.forHttp("/", 8080))
    .start();
  try {
    const url = `http://${container.getHost()}:${container.getMappedPort(8080)}`;
    expect(await (await fetch(`${url}/copied.txt`)).text()).toBe("copied in");
    const result = await container.exec(["sh", "-c", "echo inside; exit 6"]);
    expect(result).toMatchObject({ exitCode: 6, stdout: "inside\n" });
  } finally {
    await container.stop();
  }
});
