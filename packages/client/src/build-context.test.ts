import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, expect, test } from "vitest";
import { packContext } from "./build-context.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "longshore-context-"));
  await mkdir(join(folder, "app/deep"), { recursive: true });
  await writeFile(join(folder, "Dockerfile"), "FROM scratch\n");
  await writeFile(join(folder, "app/main.js"), "code");
  await writeFile(join(folder, "app/deep/secret.key"), "key");
  await writeFile(join(folder, "app/deep/kept.key"), "kept");
  await symlink("main.js", join(folder, "app/link"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function listed(src: readonly string[]): Promise<string[]> {
  const tar = await buffer(Readable.from(packContext({ context: folder, src })));
  const text = execFileSync("tar", ["-tvf", "-"], { input: tar, encoding: "utf8" });
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `${line[0]} ${line.split(/\s+/).slice(5).join(" ")}`);
}

test("packContext() packs files, folders with what is in them, and links", async () => {
  expect(await listed(["Dockerfile", "app"])).toEqual([
    "- Dockerfile",
    "d app/",
    "d app/deep/",
    "- app/deep/kept.key",
    "- app/deep/secret.key",
    "l app/link -> main.js",
    "- app/main.js",
  ]);
});

test("packContext() leaves out what .dockerignore names, but for what a later line keeps", async () => {
  await writeFile(join(folder, ".dockerignore"), "# keys\n**/*.key\n!app/deep/kept.key\napp/link\n");
  expect(await listed(["."])).toEqual([
    "- .dockerignore",
    "- Dockerfile",
    "d app/",
    "d app/deep/",
    "- app/deep/kept.key",
    "- app/main.js",
  ]);
});

test("packContext() keeps the content", async () => {
  const tar = await buffer(Readable.from(packContext({ context: folder, src: ["app/main.js"] })));
  expect(execFileSync("tar", ["-xOf", "-"], { input: tar, encoding: "utf8" })).toBe("code");
});

test("packContext() throws for a file that isn't there", async () => {
  await expect(listed(["none"])).rejects.toMatchObject({ code: "ENOENT" });
});
