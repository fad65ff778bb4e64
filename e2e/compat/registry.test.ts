import { afterAll, beforeAll, expect, test } from "vitest";
import { randomBytes } from "node:crypto";
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { dockerArchive, imageIdOf, type Registry, startGate, startRegistry } from "@longshore/testkit";
import { type Docker, openDocker, until } from "./docker.ts";

let docker: Docker;
let registry: Registry;
beforeAll(async () => {
  docker = await openDocker();
  registry = await startRegistry();
});
afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  await docker[Symbol.asyncDispose]();
});

const layers = [1, 2, 3].map((n) => [{ name: `file-${n}`, data: String(n).repeat(1000 * n) }]);

test("push and pull bring a multi-layer image back, by tag and by digest", async () => {
  const recipe = { reference: `${registry.host}/ls/app:1`, layers };
  await docker.withInput(dockerArchive(recipe), "load");
  const pushed = await docker.ok("push", recipe.reference);
  const digest = /1: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed)?.[1] ?? "none";
  expect(pushed).toContain(`The push refers to repository [${registry.host}/ls/app]`);
  await docker.ok("rmi", recipe.reference);
  const pulled = await docker.ok("pull", recipe.reference);
  expect(pulled).toContain(`Digest: ${digest}`);
  expect(pulled).toContain(`Status: Downloaded newer image for ${recipe.reference}`);
  expect(await docker.ok("image", "inspect", recipe.reference, "--format", "{{.Id}}")).toBe(
    imageIdOf(recipe),
  );
  expect(await docker.ok("pull", recipe.reference)).toContain(
    `Status: Image is up to date for ${recipe.reference}`,
  );
  await docker.ok("rmi", recipe.reference);
  const byDigest = `${registry.host}/ls/app@${digest}`;
  await docker.ok("pull", byDigest);
  expect(await docker.ok("image", "inspect", byDigest, "--format", "{{.Id}}")).toBe(imageIdOf(recipe));
  await docker.ok("rmi", byDigest);
});

test("pull from an index takes this machine's platform", async () => {
  const arch = process.arch === "arm64" ? "arm64" : "amd64";
  const other = arch === "arm64" ? "amd64" : "arm64";
  const manifests = await Promise.all(
    [arch, other].map(async (architecture) => {
      const recipe = {
        reference: `${registry.host}/ls/multi:${architecture}`,
        layers: layers.slice(0, 1),
        architecture,
      };
      await docker.withInput(dockerArchive(recipe), "load");
      const digest = /digest: (\S+) size: (\d+)/.exec(await docker.ok("push", recipe.reference));
      await docker.ok("rmi", recipe.reference);
      const mediaType = "application/vnd.docker.distribution.manifest.v2+json";
      const platform = { architecture, os: "linux" };
      return { mediaType, digest: digest?.[1], size: Number(digest?.[2]), platform };
    }),
  );
  const mediaType = "application/vnd.docker.distribution.manifest.list.v2+json";
  const put = await fetch(`http://${registry.host}/v2/ls/multi/manifests/all`, {
    method: "PUT",
    headers: { "Content-Type": mediaType },
    body: JSON.stringify({ schemaVersion: 2, mediaType, manifests }),
  });
  expect(put.status).toBe(201);
  await docker.ok("pull", `${registry.host}/ls/multi:all`);
  const format = ["image", "inspect", `${registry.host}/ls/multi:all`, "--format", "{{.Architecture}}"];
  expect(await docker.ok(...format)).toBe(arch);
  await docker.ok("rmi", `${registry.host}/ls/multi:all`);
});

test("pull of a missing tag fails with the registry's reason and leaves nothing", async () => {
  const { code, stderr } = await docker("pull", `${registry.host}/ls/app:absent`);
  expect(code).toBe(1);
  expect(stderr).toContain("manifest unknown");
  expect(await docker.ok("images", "-q", `${registry.host}/ls/app`)).toBe("");
});

test("pull refuses a blob that doesn't hash to its digest", async () => {
  const recipe = { reference: `${registry.host}/ls/spoiled:1`, layers: layers.slice(2) };
  await docker.withInput(dockerArchive(recipe), "load");
  await docker.ok("push", recipe.reference);
  await docker.ok("rmi", recipe.reference);
  const { globSync, readFileSync, writeFileSync } = await import("node:fs");
  const answer = await fetch(`http://${registry.host}/v2/ls/spoiled/manifests/1`, {
    headers: { Accept: "application/vnd.docker.distribution.manifest.v2+json" },
  });
  const manifest: { layers: readonly { digest: string }[] } = JSON.parse(await answer.text());
  const hex = manifest.layers[0]?.digest.slice(7) ?? "none";
  const [path = ""] = globSync(`${registry.storage}/**/blobs/sha256/*/${hex}/data`);
  const bytes = readFileSync(path);
  bytes.writeUInt8(bytes.readUInt8(20) ^ 0xff, 20);
  writeFileSync(path, bytes);
  const { code, stderr } = await docker("pull", recipe.reference);
  expect(code).toBe(1);
  expect(stderr).toMatch(/digest|verif|invalid|corrupt|checksum/i);
  expect((await docker("image", "inspect", recipe.reference)).code).toBe(1);
});

test("pull from a registry that isn't there names the address", async () => {
  const { code, stderr } = await docker("pull", "127.0.0.1:9/no/body:1");
  expect(code).toBe(1);
  expect(stderr).toMatch(/connection refused|ECONNREFUSED/);
});

test("a pull that the engine died in goes on where it was", async () => {
  const { engine } = docker;
  if (engine === undefined) return;
  const layer = [{ name: "big", data: randomBytes(4_000_000) }];
  const recipe = { reference: `${registry.host}/ls/died:1`, layers: [layer] };
  await docker.withInput(dockerArchive(recipe), "load");
  await docker.ok("push", recipe.reference);
  await docker.ok("rmi", recipe.reference);
  const partial = join(engine.dataRoot, "partial");
  {
    await using gate = await startGate(registry.host, { stallAfterBytes: 3_000_000 });
    const pull = docker("pull", `${gate.host}/ls/died:1`);
    await until("3 MB to be here", async () =>
      readdirSync(partial).some((name) => statSync(join(partial, name)).size === 3_000_000),
    );
    await engine.kill9();
    expect((await pull).code).toBe(1);
  }
  await engine.restart();
  await using gate = await startGate(registry.host);
  await docker.ok("pull", `${gate.host}/ls/died:1`);
  expect(gate.requests.map(({ range }) => range)).toContain("bytes=3000000-");
  expect(await docker.ok("image", "inspect", `${gate.host}/ls/died:1`, "--format", "{{.Id}}")).toBe(
    imageIdOf(recipe),
  );
  expect(readdirSync(partial)).toEqual([]);
  await docker.ok("rmi", `${gate.host}/ls/died:1`);
});
