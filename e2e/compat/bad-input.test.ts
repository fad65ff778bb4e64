import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerArchive, ociLayout, type TarEntry } from "@longshore/testkit";
import { existsSync } from "node:fs";
import { type Docker, openDocker, raw, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const post = (path: string, body: string): Promise<{ status: number; message: string }> =>
  raw(docker.socket, "POST", path, body);

test.each([
  ["malformed JSON", "{", 400],
  ["a second document", '{"Image":"ls/absent:1"}{}', process.env["DOCKER_PEER"] ? 404 : 400],
  ["a wrong type", '{"Image":5}', 400],
  ["a missing image", '{"Image":"ls/absent:1"}', 404],
])("create with %s", async (_what, body, status) => {
  const answer = await post("/containers/create", body);
  expect(answer.status).toEqual(status === 400 ? badRequest : status);
  expect(answer.message.length).toBeGreaterThan(3);
});

test("create ignores an unknown field", async () => {
  const answer = await raw(
    docker.socket,
    "POST",
    "/containers/create",
    JSON.stringify({ Image: STARTER, Surprise: 1 }),
  );
  expect(answer.status).toBe(201);
  const { Id }: { Id: string } = JSON.parse(answer.message);
  expect((await raw(docker.socket, "DELETE", `/containers/${Id}`)).status).toBe(204);
});

test("an unknown path and a wrong method answer 404 page not found", async () => {
  expect(await raw(docker.socket, "GET", "/v1.41/nonsense")).toEqual({
    status: 404,
    message: "page not found",
  });
  expect((await raw(docker.socket, "PATCH", "/containers/json")).status).toBe(404);
});

test("too new a version answers 400 and names the newest", async () => {
  const answer = await raw(docker.socket, "GET", "/v9.99/containers/json");
  expect(answer.status).toBe(400);
  expect(answer.message).toContain("client version 9.99 is too new. Maximum supported API version is");
});

test("names outside of the grammar are refused with the name in the text", async () => {
  const container = await docker("create", "--name", "-bad/", STARTER);
  expect(container.code).toBe(1);
  expect(container.stderr).toContain("Invalid container name (-bad/)");
  const image = await docker("pull", "ls/UPPER");
  expect(image.stderr).toMatch(/repository name .*must be lowercase/);
  const volume = await docker("volume", "create", "a/b");
  expect(volume.stderr).toContain('"a/b" includes invalid characters for a local volume name');
});

test("a name in use names its holder", async () => {
  const name = docker.fresh("twice");
  const id = await docker.ok("create", "--name", name, STARTER);
  const { code, stderr } = await docker("create", "--name", name, STARTER);
  expect(code).toBe(1);
  expect(stderr).toContain(
    `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
  await docker.ok("rm", name);
});

test("what isn't there is named", async () => {
  const absent = docker.fresh("absent");
  expect((await docker("start", absent)).stderr).toContain(`No such container: ${absent}`);
  expect((await docker("network", "inspect", absent)).stderr).toMatch(
    new RegExp(`network ${absent} not found|No such network: ${absent}`), // in the words of the CLI 28 | 20.10
  );
  expect((await docker("volume", "inspect", absent)).stderr).toMatch(/no such volume/i);
  expect((await docker("rmi", `${absent}:1`)).stderr).toContain(`No such image: ${absent}:1`);
  expect((await docker("run", "--rm", "--network", absent, STARTER, "true")).code).toBe(125);
  const owner = await docker("run", "--rm", "--network", `container:${absent}`, STARTER, "true");
  expect(owner.code).toBe(125);
  expect(owner.stderr).toContain(`No such container: ${absent}`);
});

test("two containers that want each other's network fail to start", async () => {
  const [a, b] = [docker.fresh("cycle"), docker.fresh("cycle")];
  await docker.ok("create", "--name", a, STARTER, "true");
  await docker.ok("create", "--name", b, "--network", `container:${a}`, STARTER, "true");
  const { code, stderr } = await docker("start", b);
  expect(code).toBe(1);
  expect(stderr).toContain("cannot join network of a non running container");
  await docker.ok("rm", a, b);
});

test("a volume that is there is answered as it is, whatever it is asked to be", async () => {
  const name = docker.fresh("again");
  await docker.ok("volume", "create", "--label", "a=b", name);
  await docker.ok("volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs", "--label", "a=c", name);
  const shown = await docker.ok("volume", "inspect", "--format", "{{json .Options}} {{json .Labels}}", name);
  expect(shown).toMatch(/^(null|\{\}) \{"a":"b"\}$/);
  await docker.ok("volume", "rm", name);
});

test("filters that don't decode or aren't known answer 400", async () => {
  expect((await raw(docker.socket, "GET", "/containers/json?filters=%7Bx")).status).toEqual(badRequest);
  expect((await docker("ps", "--filter", "colour=red")).stderr).toMatch(/invalid filter/i);
});

/** dockerd before 23 answered 500 for what it couldn't decode. */
const badRequest: unknown = process.env["DOCKER_PEER"] ? expect.toBeOneOf([400, 500]) : 400;

const hostile: readonly (readonly [string, readonly TarEntry[]])[] = [
  ["a path that climbs", [{ name: "../../../tmp/longshore-escaped", data: "x" }]],
  ["an absolute path", [{ name: "/tmp/longshore-escaped", data: "x" }]],
  [
    "a symlink to the host's /tmp",
    [
      { name: "door", type: "symlink", linkTo: "/tmp" },
      { name: "door/longshore-escaped", data: "x" },
    ],
  ],
  ["a hard link to the host", [{ name: "h", type: "hardlink", linkTo: "../../../../etc/hostname" }]],
];

test.each(hostile)("a layer with %s never reaches the host", async (_what, layer) => {
  const reference = "ls/hostile:1";
  const { code } = await docker.withInput(dockerArchive({ reference, layers: [layer] }), "load");
  expect(existsSync("/tmp/longshore-escaped")).toBe(false);
  if (code === 0) await docker.ok("rmi", reference);
  else expect((await docker("image", "inspect", reference)).code).toBe(1);
});

test("a truncated archive is refused and leaves no image", async () => {
  const archive = dockerArchive({
    reference: "ls/cut:1",
    layers: [[{ name: "a", data: "x".repeat(100_000) }]],
  });
  const { code, stderr, stdout } = await docker.withInput(archive.subarray(0, 50_000), "load");
  expect(code).toBe(1);
  expect(stderr + stdout).toMatch(/EOF|truncated|ends? early|unexpected end|no such file/i);
  expect((await docker("image", "inspect", "ls/cut:1")).code).toBe(1);
});

test.skipIf(process.env["DOCKER_PEER"]).each(["truncate", "flip", "omit"] as const)(
  "an OCI layout whose layer is spoiled by %s is refused and leaves no image",
  async (firstLayer) => {
    const recipe = { reference: "ls/spoiled:1", layers: [[{ name: "a", data: "y".repeat(5000) }]] };
    const { code, stderr } = await docker.withInput(ociLayout([recipe], { firstLayer }), "load");
    expect(code).toBe(1);
    expect(stderr).toMatch(/sha256[:/][0-9a-f]{64}/);
    expect((await docker("image", "inspect", "ls/spoiled:1")).code).toBe(1);
  },
);

test("load of something that is no archive is refused", async () => {
  expect((await docker.withInput("no archive at all", "load")).code).toBe(1);
});

test("swarm commands hear that this is no swarm", async () => {
  for (const command of [
    ["service", "ls"],
    ["node", "ls"],
    ["secret", "ls"],
    ["service", "inspect", "web"],
    ["stack", "ls"],
  ])
    expect((await docker(...command)).stderr, command.join(" ")).toContain(
      "This node is not a swarm manager",
    );
  expect(await docker.ok("plugin", "ls", "-q")).toBe("");
  expect((await docker("swarm", "leave")).stderr).toContain("not part of a swarm");
});
