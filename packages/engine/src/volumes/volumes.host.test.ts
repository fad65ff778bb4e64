import { execFile } from "node:child_process";
import { chown, link, lstat, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { linuxMounts } from "#host";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import { volumesConformance } from "./conformance.ts";
import { openVolumes, type Volumes } from "./index.ts";
import { usedBy } from "./testing.ts";

const run = promisify(execFile);

async function make(): Promise<Volumes> {
  const dataRoot = await mkdtemp(path.join(os.tmpdir(), "volumes-"));
  const volumes = await openVolumes(
    { store: memoryStore(), events: openEvents(), dataRoot, log: silentLogger, clock: systemClock },
    new AbortController().signal,
  );
  return Object.assign(volumes, {
    [Symbol.asyncDispose]: async () => {
      for (const { name } of volumes.list()) await volumes.release(name, "c1");
      await rm(dataRoot, { recursive: true });
    },
  });
}

volumesConformance("Linux", make);

test("hold() mounts what the options say, release() by the last one unmounts it", async ({ signal }) => {
  await using volumes = await make();
  const options = { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=1234" };
  const { mountpoint } = await volumes.create({ name: "ram", options }, signal);
  expect(await volumes.hold("ram", usedBy("c1"), signal)).toBe(mountpoint);
  await volumes.hold("ram", usedBy("c2"), signal);
  expect((await lstat(mountpoint)).uid).toBe(1234);
  await volumes.release("ram", "c1");
  expect(await linuxMounts.isMountPoint(mountpoint)).toBe(true);
  await volumes.release("ram", "c2");
  expect(await linuxMounts.isMountPoint(mountpoint)).toBe(false);
});

test("hold() says what could not be mounted", async ({ signal }) => {
  await using volumes = await make();
  const options = { type: "none", device: "/nowhere/at/all", o: "bind" };
  await volumes.create({ name: "lost", options }, signal);
  await expect(volumes.hold("lost", usedBy("c1"), signal)).rejects.toThrow(
    /^failed to mount local volume: mount \/nowhere\/at\/all:.*\/lost\/_data, data: bind: /,
  );
  expect(volumes.usedBy("lost")).toEqual([]);
});

test("copyUp() keeps owners, modes, links and xattrs, also of the folder itself", async ({ signal }) => {
  await using volumes = await make();
  const source = await mkdtemp(path.join(os.tmpdir(), "copy-up-"));
  try {
    await mkdir(path.join(source, "d"), { mode: 0o1770 });
    await writeFile(path.join(source, "f"), "x", { mode: 0o640 });
    await chown(path.join(source, "f"), 1001, 1002);
    await chown(source, 33, 34);
    await link(path.join(source, "f"), path.join(source, "same"));
    await symlink("/etc/passwd", path.join(source, "s"));
    await run("setfattr", ["-n", "user.colour", "-v", "red", path.join(source, "f")]).catch(() => {});
    const { mountpoint } = await volumes.create({ name: "data" }, signal);
    await volumes.copyUp("data", source, signal);
    expect((await readdir(mountpoint)).toSorted()).toEqual(["d", "f", "s", "same"]);
    expect(await lstat(mountpoint)).toMatchObject({ uid: 33, gid: 34 });
    const file = await lstat(path.join(mountpoint, "f"));
    expect(file).toMatchObject({ uid: 1001, gid: 1002, nlink: 2 });
    expect(file.mode & 0o7777).toBe(0o640);
    expect((await lstat(path.join(mountpoint, "s"))).isSymbolicLink()).toBe(true);
  } finally {
    await rm(source, { recursive: true });
  }
});
