import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, raw, STARTER } from "./docker.ts";

let docker: Docker;
let name: string;
beforeAll(async () => {
  docker = await openDocker();
  name = docker.fresh("committed");
  await docker.ok(
    "create",
    "--name",
    name,
    "-e",
    "A=1",
    "-e",
    "B=2",
    "-l",
    "x=1",
    "--expose",
    "81",
    "-v",
    "/volume",
    "-w",
    "/work",
    "--health-cmd",
    "true",
    "--health-interval",
    "3s",
    "--entrypoint",
    "/bin/ls",
    STARTER,
    "-l",
  );
});
afterAll(async () => {
  await docker("rmi", `${name}:1`);
  await docker[Symbol.asyncDispose]();
});

/** The image's config, of what was committed with a body and with changes. */
async function committed(
  body: object | undefined,
  ...changes: readonly string[]
): Promise<Readonly<Record<string, unknown>>> {
  const query = new URLSearchParams([
    ["container", name],
    ["repo", name],
    ["tag", "1"],
  ]);
  for (const change of changes) query.append("changes", change);
  const text = body && JSON.stringify(body);
  const { status, message } = await raw(docker.socket, "POST", `/v1.41/commit?${query.toString()}`, text);
  expect([status, status === 201 ? "" : message]).toEqual([201, ""]);
  return JSON.parse(
    await docker.ok("image", "inspect", "--format", "{{json .Config}}", `${name}:1`),
  ) as Record<string, unknown>;
}

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const health = { Test: ["CMD-SHELL", "true"], Interval: 3_000_000_000 };

test.each([
  [undefined, ["ENV B=5"], { Env: ["A=1", "B=5", PATH] }],
  [undefined, ["ENV C=${A}x D=$B E=${F:-g}"], { Env: ["A=1", "B=2", "C=1x", "D=2", "E=g", PATH] }],
  [{ Env: ["B=9", "C=3"] }, [], { Env: ["A=1", "B=9", "C=3", PATH] }],
  [undefined, ['LABEL y="a b"'], { Labels: { x: "1", y: "a b" } }],
  [{ Labels: { z: "3" } }, [], { Labels: { x: "1", z: "3" } }],
  [undefined, ["EXPOSE 90-91/udp"], { ExposedPorts: { "81/tcp": {}, "90/udp": {}, "91/udp": {} } }],
  [undefined, ["VOLUME /a"], { Volumes: { "/a": {}, "/volume": {} } }],
  [{ Volumes: { "/b": {} } }, [], { Volumes: { "/b": {}, "/volume": {} } }],
  [undefined, ["WORKDIR deep"], { WorkingDir: "/work/deep" }],
  [undefined, ["CMD -a"], { Entrypoint: ["/bin/ls"], Cmd: ["/bin/sh", "-c", "-a"] }],
  [undefined, ['ENTRYPOINT ["/bin/cat"]'], { Entrypoint: ["/bin/cat"], Cmd: null }],
  [undefined, ['CMD ["x"]', 'ENTRYPOINT ["/bin/cat"]'], { Entrypoint: ["/bin/cat"], Cmd: ["x"] }],
  [{ Entrypoint: ["/bin/cat"] }, [], { Entrypoint: ["/bin/cat"], Cmd: null }],
  [{ Entrypoint: [] }, [], { Entrypoint: null, Cmd: ["-l"] }],
  [
    undefined,
    ['HEALTHCHECK --interval=5s CMD ["a"]'],
    { Healthcheck: { Test: ["CMD", "a"], Interval: 5e9 } },
  ],
  [undefined, ["HEALTHCHECK NONE"], { Healthcheck: { ...health, Test: ["NONE"] } }],
  [{ Healthcheck: { Interval: 5e9 } }, [], { Healthcheck: { ...health, Interval: 5e9 } }],
  [undefined, ["ONBUILD RUN ls"], { OnBuild: ["RUN ls"], Healthcheck: health }],
])("commit of %j with %j", async (body, changes, wanted) => {
  const { Env, Cmd, Entrypoint, ...rest } = await committed(body, ...changes);
  // Older engines tell "none" by an empty list, newer ones leave it out.
  const words = (value: unknown): unknown => (Array.isArray(value) && value.length > 0 ? value : null);
  const config = {
    ...rest,
    Env: (Env as string[]).toSorted(),
    Cmd: words(Cmd),
    Entrypoint: words(Entrypoint),
  };
  expect(config).toMatchObject(wanted);
});

test.each([
  ["RUN x", "run is not a valid change command"],
  ["bogus", "bogus is not a valid change command"],
  ["# nothing", "file with no instructions"],
  ["ENV", "ENV requires at least one argument"],
  ["EXPOSE x", "Invalid containerPort: x"],
])("commit with %j is refused", async (change, words) => {
  const query = new URLSearchParams({ container: name, changes: change });
  expect(await raw(docker.socket, "POST", `/v1.41/commit?${query.toString()}`)).toEqual({
    status: 400,
    message: words,
  });
});

test("an entrypoint without words takes the image's away, and leaves its command", async () => {
  await committed({ Entrypoint: ["/bin/echo"], Cmd: ["uname"] });
  const body = JSON.stringify({ Image: `${name}:1`, Entrypoint: [] });
  const { status, message } = await raw(docker.socket, "POST", "/containers/create", body);
  expect(status).toBe(201);
  const { Id } = JSON.parse(message) as { Id: string };
  expect(await docker.ok("start", "-a", Id)).toBe("Linux");
  await docker.ok("rm", Id);
});
