import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { spawnSync } from "node:child_process";
import { type Docker, openDocker, STARTER } from "./docker.ts";

let docker: Docker;
let folder = "";
beforeAll(async () => {
  docker = await openDocker();
  folder = mkdtempSync(join(tmpdir(), "longshore-changes-"));
});
afterAll(async () => {
  await docker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const lines = (text: string): string[] => text.split("\n").filter(Boolean).toSorted();
const changes = async (name: string): Promise<string[]> => lines(await docker.ok("diff", name));
const members = (archive: string): string[] =>
  lines(spawnSync("tar", ["-tf", archive], { encoding: "utf8" }).stdout);
const running = async (...flags: string[]): Promise<string> => {
  const name = docker.fresh("diff");
  await docker.ok("run", "-d", "--network", "none", "--name", name, ...flags, STARTER, "sleep", "1000");
  return name;
};

test("a container that was only started changed nothing", async () => {
  const name = await running("-t");
  expect(await changes(name)).toEqual([]);
  await docker.ok("rm", "-f", name);
});

test("mounts show as the mount points that weren't in the image", async () => {
  const volume = docker.fresh("volume");
  const bound = join(folder, "file");
  writeFileSync(bound, "host");
  const flags = ["--tmpfs", "/scratch", "-v", "/tmp", "-v", `${bound}:/etc/hosts`];
  const name = await running(
    "-v",
    `${volume}:/data`,
    "-v",
    `${folder}:/bound/deep`,
    "-v",
    `${bound}:/one:ro`,
    ...flags,
  );
  expect(await changes(name)).toEqual(["A /bound", "A /bound/deep", "A /data", "A /one", "A /scratch"]);
  const exported = join(folder, "exported.tar");
  await docker.ok("export", "-o", exported, name);
  const names = members(exported);
  expect(names).toEqual(expect.arrayContaining([".dockerenv", "bound/deep/", "dev/console", "etc/mtab"]));
  expect(names.filter((member) => /^(proc|sys|bound\/deep|dev\/shm)\/./.test(member))).toEqual([]);
  expect(names).not.toContain("dev/null");
  await docker.ok("rm", "-fv", name);
  await docker.ok("volume", "rm", volume);
});

const script =
  "touch /etc/new; echo x >> /etc/passwd; echo x >> /etc/hosts; rm /bin/vi; mkdir /a; touch /a/b; rm -r /www; mkdir /www; touch /www/c; chmod 700 /home";

test("changes of a running container are told and committed, without the mount points", async () => {
  const name = await running();
  await docker.ok("exec", name, "sh", "-c", script);
  expect(await changes(name)).toEqual(
    ["A /a", "A /a/b", "A /etc/new", "A /www/c", "C /bin", "C /etc", "C /etc/passwd", "C /home"].concat([
      "C /www",
      "D /bin/vi",
      "D /www/index.html",
    ]),
  );
  const image = `${docker.fresh("committed")}:1`;
  await docker.ok("commit", name, image);
  const saved = join(folder, "saved.tar");
  await docker.ok("save", "-o", saved, image);
  const [{ Layers }] = JSON.parse(
    spawnSync("tar", ["-xOf", saved, "manifest.json"], { encoding: "utf8" }).stdout,
  ) as [{ Layers: string[] }];
  const layer = join(folder, "layer.tar");
  spawnSync("sh", ["-c", `tar -xOf ${saved} ${Layers.at(-1) ?? ""} > ${layer}`]);
  const names = ["a/", "a/b", "bin/", "bin/.wh.vi", "etc/", "etc/new", "etc/passwd", "home/", "www/"];
  expect(members(layer)).toEqual([...names, "www/.wh..wh..opq", "www/c"]);
  const look = "test ! -e /bin/vi && ls /www && tail -n 1 /etc/passwd";
  expect(await docker.ok("run", "--rm", "--network", "none", image, "sh", "-c", look)).toBe("c\nx");
  await docker.ok("rm", "-f", name);
  await docker.ok("rmi", image);
});
