import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerArchive, imageIdOf, ociLayout } from "@longshore/testkit";
import { type Docker, openDocker, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const layers = [
  [{ name: "a", data: "1" }],
  [
    { name: "b", data: "2" },
    { name: "a", data: "3" },
  ],
];

test("version, info and ping answer", async () => {
  expect(await docker.ok("version", "--format", "{{.Server.Os}}")).toBe("linux");
  expect(await docker.ok("info", "--format", "{{.OSType}}")).toBe("linux");
  const version: { Server: { ApiVersion: string } } = JSON.parse(
    await docker.ok("version", "--format", "{{json .}}"),
  );
  expect(version.Server.ApiVersion).toMatch(/^1\.\d+$/);
  if (docker.engine) expect(version.Server.ApiVersion).toBe("1.51");
});

test("load of a docker-archive with two images names both, and the ids are the configs' digests", async () => {
  const one = { reference: "ls/one:1", layers };
  const two = { reference: "ls/two:1", layers: layers.slice(0, 1) };
  const { code, stdout } = await docker.withInput(dockerArchive(one, two), "load");
  expect(code).toBe(0);
  expect(stdout).toContain("Loaded image: ls/one:1\n");
  expect(stdout).toContain("Loaded image: ls/two:1\n");
  expect(await docker.ok("image", "inspect", "ls/one:1", "--format", "{{.Id}}")).toBe(imageIdOf(one));
  expect(await docker.ok("image", "inspect", "ls/one:1", "--format", "{{len .RootFS.Layers}}")).toBe("2");
  await docker.ok("rmi", "ls/one:1", "ls/two:1");
});

test.skipIf(process.env["DOCKER_PEER"])("load reads an OCI layout with gzip layers", async () => {
  const recipe = { reference: "ls/oci:1", layers, architecture: "amd64" };
  const { stdout } = await docker.withInput(ociLayout([recipe]), "load");
  expect(stdout).toContain("Loaded image: ls/oci:1\n");
  await docker.ok("rmi", "ls/oci:1");
});

test("save then load gives the same image back", async () => {
  const id = await docker.ok("image", "inspect", STARTER, "--format", "{{.Id}}");
  await docker.ok("tag", STARTER, "ls/saved:1");
  const saved = await saveBytes("ls/saved:1");
  await docker.ok("rmi", "ls/saved:1");
  const { stdout } = await docker.withInput(saved, "load");
  expect(stdout).toContain("Loaded image: ls/saved:1\n");
  expect(await docker.ok("image", "inspect", "ls/saved:1", "--format", "{{.Id}}")).toBe(id);
  await docker.ok("rmi", "ls/saved:1");
});

async function saveBytes(reference: string): Promise<Buffer> {
  const child = docker.open("save", reference);
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  return Buffer.concat(chunks);
}

test("import makes an image of one layer with the changes asked for", async () => {
  const name = docker.fresh("imported");
  const container = docker.fresh("source");
  await docker.ok("create", "--name", container, STARTER);
  const chunks: Buffer[] = [];
  for await (const chunk of docker.open("export", container).stdout) chunks.push(chunk);
  const { stdout } = await docker.withInput(
    Buffer.concat(chunks),
    "import",
    "-c",
    'CMD ["echo","hi"]',
    "-",
    `${name}:1`,
  );
  expect(stdout.trim()).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(await docker.ok("run", "--rm", `${name}:1`)).toBe("hi");
  await docker.ok("rm", container);
  await docker.ok("rmi", `${name}:1`);
});

test("tag, images and rmi keep names and ids apart", async () => {
  await docker.ok("tag", STARTER, "ls/other:2");
  expect(await docker.ok("images", "ls/other", "--format", "{{.Repository}}:{{.Tag}}")).toBe("ls/other:2");
  expect(await docker.ok("rmi", "ls/other:2")).toBe("Untagged: ls/other:2");
  expect(await docker.ok("images", "-q", "ls/other")).toBe("");
  expect(await docker.ok("images", "-q", "--filter", "reference=longshore/*")).toMatch(/^[0-9a-f]{12}$/);
});

test("history lists the layers from the top down", async () => {
  await docker.withInput(dockerArchive({ reference: "ls/history:1", layers }), "load");
  expect(await docker.ok("history", "--no-trunc", "--format", "{{.CreatedBy}}", "ls/history:1")).toBe(
    "LAYER 2\nLAYER 1",
  );
  await docker.ok("rmi", "ls/history:1");
});

test("rmi of an image that a running container uses is a conflict", async () => {
  const name = docker.fresh("user");
  await docker.ok("tag", STARTER, "ls/used:1");
  await docker.ok("run", "-d", "--name", name, "ls/used:1", "sleep", "60");
  const id = await docker.ok("image", "inspect", "ls/used:1", "--format", "{{.Id}}");
  const { code, stderr } = await docker("rmi", "-f", id);
  expect(code).toBe(1);
  expect(stderr).toContain("conflict: unable to delete");
  await docker.ok("rm", "-f", name);
  await docker.ok("rmi", "ls/used:1");
});

test("commit makes an image of the container's changes", async () => {
  const name = docker.fresh("committed");
  await docker.ok("run", "--name", name, STARTER, "sh", "-c", "echo kept > /root/note");
  expect(
    await docker.ok("commit", "-c", 'CMD ["cat","/root/note"]', "-m", "note", name, "ls/commit:1"),
  ).toMatch(/^sha256:/);
  expect(await docker.ok("run", "--rm", "ls/commit:1")).toBe("kept");
  expect(await docker.ok("image", "inspect", "ls/commit:1", "--format", "{{len .RootFS.Layers}}")).toBe("2");
  await docker.ok("rm", name);
  await docker.ok("rmi", "ls/commit:1");
});
