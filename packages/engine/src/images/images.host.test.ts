import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { openLayers } from "#layers";
import { openRegistry } from "#registry";
import { parseReference, TAR_END, tarMember } from "#spec";
import { memoryStore } from "#testing/store";
import { openImages, type Images, type Progress } from "./index.ts";

const { signal } = new AbortController();
const isThere = (name: string): boolean => spawnSync("which", [name]).status === 0;
const content = Buffer.from("hello");
const rootfs = Buffer.concat([
  tarMember(
    {
      name: "hello",
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes: content.length,
      modifiedNano: 0n,
      linkName: "",
      major: 0,
      minor: 0,
      xattrs: new Map(),
    },
    content,
  ),
  TAR_END,
]);
async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1000) yield bytes.subarray(at, at + 1000);
}

let root = "";
let open: AsyncDisposableStack;
let child: ChildProcess | undefined;
async function room(name: string): Promise<Images> {
  const dataRoot = join(root, name);
  mkdirSync(dataRoot);
  const store = memoryStore();
  const log = silentLogger;
  const layers = open.use(await openLayers({ dataRoot, store, log }, signal));
  const registry = open.use(openRegistry({ log, mirrors: [], insecure: [] }));
  return open.use(
    await openImages({ store, events: openEvents(), layers, registry, log, clock: systemClock }, signal),
  );
}
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "longshore-images-"));
  open = new AsyncDisposableStack();
});
afterEach(async () => {
  await open[Symbol.asyncDispose]();
  if (child !== undefined && child.exitCode === null) {
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }
  child = undefined;
  rmSync(root, { recursive: true, force: true });
});

test("what is saved loads again with the same id", async () => {
  const one = await room("one");
  const id = await one.importRootfs(once(rootfs), { reference: parseReference("a/b:c") }, () => {}, signal);
  const saved = await Array.fromAsync(one.save(["a/b:c"], signal));
  const lines: Progress[] = [];
  const other = await room("other");
  expect(await other.load(once(Buffer.concat(saved)), {}, (line) => lines.push(line), signal)).toEqual([id]);
  expect(lines.at(-1)?.stream).toBe("Loaded image: a/b:c\n");
  expect(other.get("a/b:c").id).toBe(id);
});

test.skipIf(!isThere("docker-registry"))("what is pushed to a real registry is pulled again", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  await new Promise((resolve) => server.close(resolve));
  const config = join(root, "registry.yml");
  writeFileSync(
    config,
    `version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: ${root}/registry\nhttp:\n  addr: 127.0.0.1:${port}\n`,
  );
  child = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
  await expect
    .poll(
      () =>
        fetch(`http://127.0.0.1:${port}/v2/`).then(
          ({ status }) => status,
          () => 0,
        ),
      { timeout: 10_000 },
    )
    .toBe(200);
  const name = `127.0.0.1:${port}/a/b:c`;
  const one = await room("one");
  const id = await one.importRootfs(once(rootfs), { reference: parseReference(name) }, () => {}, signal);
  await one.push(`127.0.0.1:${port}/a/b`, { tag: "c" }, () => {}, signal);
  const other = await room("other");
  const lines: Progress[] = [];
  await other.pull(parseReference(name), {}, (line) => lines.push(line), signal);
  expect(other.get(name).id).toBe(id);
  expect(lines.at(-1)?.status).toBe(`Status: Downloaded newer image for ${name}`);
  await other.pull(parseReference(name), {}, (line) => lines.push(line), signal);
  expect(lines.at(-1)?.status).toBe(`Status: Image is up to date for ${name}`);
  await expect(
    other.pull(parseReference(`127.0.0.1:${port}/a/none:c`), {}, () => {}, signal),
  ).rejects.toMatchObject({ kind: "not_found" });
});
