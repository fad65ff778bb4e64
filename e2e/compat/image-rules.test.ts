import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { dockerArchive, imageIdOf, type ImageRecipe } from "@longshore/testkit";
import { type Docker, type Outcome, openDocker, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

let serial = 0;
const made: string[] = [];
const containers: string[] = [];
/** An image of its own, and its id. */
async function image(reference: string): Promise<string> {
  const recipe: ImageRecipe = {
    reference,
    layers: [[{ name: `rules-${process.pid}-${serial++}`, data: "x" }]],
    config: { Cmd: ["/none"] },
  };
  const { code, stderr } = await docker.withInput(dockerArchive(recipe), "load");
  expect([code, stderr]).toEqual([0, ""]);
  const id = imageIdOf(recipe);
  made.push(id);
  return id;
}
afterEach(async () => {
  if (containers.length > 0) await docker("rm", "-f", ...containers.splice(0));
  if (made.length > 0) await docker("rmi", "-f", ...made.splice(0));
});

const short = (id: string): string => id.replace("sha256:", "").slice(0, 12);
const rmi = (...args: string[]): Promise<Outcome> => docker("rmi", ...args);
const lines = ({ stdout }: Outcome): string[] => stdout.split("\n").filter(Boolean);
const exists = async (name: string): Promise<boolean> => (await docker("image", "inspect", name)).code === 0;
async function container(kind: string, from: string, ...command: string[]): Promise<string> {
  const name = docker.fresh(kind);
  containers.push(name);
  return await docker.ok("create", "--network", "none", "--name", name, from, ...command);
}

test("rmi of an id with names in two repositories, or two tags in one, wants force", async () => {
  for (const [index, second] of ["ls/rules-b:1", "ls/rules-a:2"].entries()) {
    const id = await image("ls/rules-a:1");
    await docker.ok("tag", id, second);
    const { code, stderr } = await rmi(id);
    expect([code, index]).toEqual([1, index]);
    expect(stderr).toContain(
      `conflict: unable to delete ${short(id)} (must be forced) - image is referenced in multiple repositories`,
    );
    const forced = lines(await rmi("-f", short(id)));
    expect(forced.slice(0, 2).toSorted()).toEqual(
      ["Untagged: ls/rules-a:1", `Untagged: ${second}`].toSorted(),
    );
    expect(forced[2]).toBe(`Deleted: ${id}`);
    expect(await exists(id)).toBe(false);
  }
});

test("rmi of one of several names untags only, of the last one deletes", async () => {
  const id = await image("ls/rules-a:1");
  await docker.ok("tag", id, "ls/rules-b:1");
  expect(lines(await rmi("ls/rules-a:1"))).toEqual(["Untagged: ls/rules-a:1"]);
  expect(await exists(id)).toBe(true);
  const last = lines(await rmi("ls/rules-b:1"));
  expect(last.slice(0, 2)).toEqual(["Untagged: ls/rules-b:1", `Deleted: ${id}`]);
  expect(last[2]).toMatch(/^Deleted: sha256:[0-9a-f]{64}$/);
});

test("rmi of an id with its only name takes the name along", async () => {
  const id = await image("ls/rules-a:1");
  expect(lines(await rmi(id)).slice(0, 2)).toEqual(["Untagged: ls/rules-a:1", `Deleted: ${id}`]);
});

test("rmi of an image that a stopped container uses is refused, and forced by name or id", async () => {
  const id = await image("ls/rules-a:1");
  const used = await container("stopped", id);
  expect((await rmi("ls/rules-a:1")).stderr).toContain(
    `conflict: unable to remove repository reference "ls/rules-a:1" (must force) - container ${short(used)} is using its referenced image ${short(id)}`,
  );
  expect((await rmi(id)).stderr).toContain(
    `conflict: unable to delete ${short(id)} (must be forced) - image is being used by stopped container ${short(used)}`,
  );
  expect(await exists("ls/rules-a:1")).toBe(true);
  expect(lines(await rmi("-f", "ls/rules-a:1")).slice(0, 2)).toEqual([
    "Untagged: ls/rules-a:1",
    `Deleted: ${id}`,
  ]);
  expect(await docker.ok("inspect", "-f", "{{.Image}}", used)).toBe(id);
});

test("rmi of an image that a running container uses can't be forced by id; by name it is untagged", async () => {
  const name = `${docker.fresh("running")}:1`;
  const from = await container("base", STARTER);
  const id = await docker.ok("commit", from, name);
  made.push(id);
  const used = await container("runs", name, "sleep", "1000");
  await docker.ok("start", used);
  const text = `conflict: unable to delete ${short(id)} (cannot be forced) - image is being used by running container ${short(used)}`;
  for (const args of [[id], ["-f", id]]) expect((await rmi(...args)).stderr).toContain(text);
  expect((await rmi(name)).stderr).toContain("(must force)");
  expect(lines(await rmi("-f", name))).toEqual([`Untagged: ${name}`]);
  expect(await docker.ok("images", "-q", "--no-trunc", "--filter", "dangling=true")).toContain(id);
});

test("rmi of a parent is refused by id and untags by name; the child takes it along", async () => {
  const parentName = `${docker.fresh("parent")}:1`;
  const childName = `${docker.fresh("child")}:1`;
  const first = await container("first", STARTER);
  const parent = await docker.ok("commit", first, parentName);
  const second = await container("second", parent);
  const child = await docker.ok("commit", second, childName);
  made.push(child, parent);
  await docker.ok("rm", first, second);
  expect((await rmi("-f", parent)).stderr).toContain(
    `conflict: unable to delete ${short(parent)} (cannot be forced) - image has dependent child images`,
  );
  expect(lines(await rmi(parentName))).toEqual([`Untagged: ${parentName}`]);
  expect(await exists(parent)).toBe(true);
  const gone = lines(await rmi(childName));
  expect(gone).toEqual(
    expect.arrayContaining([`Untagged: ${childName}`, `Deleted: ${child}`, `Deleted: ${parent}`]),
  );
  expect(await exists(STARTER)).toBe(true);
});

test("prune removes dangling images only, all of them with -a but what containers use", async () => {
  const dangling = await image("ls/rules-a:1");
  const named = await image("ls/rules-a:1");
  expect(await exists(dangling)).toBe(true);
  const used = await image("ls/rules-used:1");
  await container("uses", used);
  const pruned = await docker.ok("image", "prune", "-f");
  expect(pruned).toContain(`deleted: ${dangling}`);
  expect(await exists(named)).toBe(true);
  const filter = ["--filter", "label=ls.none=1"];
  expect(await docker.ok("image", "prune", "-af", ...filter)).not.toContain(named);
  expect(await exists(named)).toBe(true);
});

test("several images are saved once each and loaded again with their ids and names", async () => {
  const first = await image("ls/rules-a:1");
  const second = await image("ls/rules-b:1");
  await docker.ok("tag", first, "ls/rules-a:again");
  const folder = mkdtempSync(join(tmpdir(), "longshore-rules-"));
  const file = join(folder, "saved.tar");
  await docker.ok("save", "-o", file, "ls/rules-a:1", "ls/rules-a:again", "ls/rules-b:1", first);
  await docker.ok("rmi", "-f", first, second);
  const loaded = await docker.ok("load", "-i", file);
  const names = spawnSync("tar", ["-tf", file], { encoding: "utf8" }).stdout.split("\n").filter(Boolean);
  expect(new Set(names).size).toBe(names.length);
  rmSync(folder, { recursive: true });
  for (const name of ["ls/rules-a:1", "ls/rules-a:again", "ls/rules-b:1"])
    expect(loaded).toContain(`Loaded image: ${name}`);
  expect(await docker.ok("inspect", "-f", "{{.Id}}", "ls/rules-a:again")).toBe(first);
  expect(await docker.ok("inspect", "-f", "{{.Id}}", "ls/rules-b:1")).toBe(second);
});
