import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { CgroupMoves, procsOf } from "./cgroup-moves.ts";

test("a process's own cgroup.procs is found on v1, hybrid and v2", () => {
  const hybrid = "9:name=systemd:/user.slice\n4:cpu,cpuacct:/a\n3:pids:/user.slice/a:b\n0::/user.slice\n";
  expect(procsOf(hybrid)).toBe("/sys/fs/cgroup/pids/user.slice/a:b/cgroup.procs");
  expect(procsOf("0::/system.slice/longshore.service\n")).toBe(
    "/sys/fs/cgroup/system.slice/longshore.service/cgroup.procs",
  );
  expect(procsOf("2:cpu:/\n")).toBeUndefined();
});

test("warm() writes this process's own id, once while a write is under way", async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "longshore-moves-"));
  const procs = path.join(folder, "cgroup.procs");
  try {
    const moves = new CgroupMoves(procs);
    moves.warm();
    moves.warm();
    await moves.settled();
    expect(readFileSync(procs, "utf8")).toBe(String(process.pid));
    writeFileSync(procs, "");
    moves.warm();
    await moves.settled();
    expect(readFileSync(procs, "utf8")).toBe(String(process.pid));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("on this kernel the process stays where it is, and a file that refuses harms nobody", async () => {
  const before = readFileSync("/proc/self/cgroup", "utf8");
  const moves = new CgroupMoves();
  moves.warm();
  await moves.settled();
  expect(readFileSync("/proc/self/cgroup", "utf8")).toBe(before);
  const refused = new CgroupMoves("/sys/fs/cgroup/no-such-group/cgroup.procs");
  refused.warm();
  await expect(refused.settled()).resolves.toBeUndefined();
});
