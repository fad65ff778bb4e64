import { execFileSync, spawnSync } from "node:child_process";
import {
  chownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { copyTree, removeTree } from "./file-tree.ts";
import {
  deviceNumbers,
  getXattr,
  listXattrs,
  makeNode,
  makeWhiteout,
  setTimes,
  setXattr,
  spreadSubfolders,
  syncInBackground,
} from "./files.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "longshore-files-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => path.join(folder, name);

describe("extended attributes", () => {
  test("are read as they were set, of links themselves too, and an absent one is undefined", () => {
    writeFileSync(at("file"), "");
    symlinkSync("nowhere", at("link"));
    setXattr(at("file"), "user.longshore", Buffer.from([0, 255, 10]));
    setXattr(at("file"), "user.empty", Buffer.alloc(0));
    setXattr(at("link"), "trusted.longshore", Buffer.from("on the link"));
    expect(getXattr(at("file"), "user.longshore")).toEqual(Buffer.from([0, 255, 10]));
    expect(getXattr(at("file"), "user.empty")).toEqual(Buffer.alloc(0));
    expect(getXattr(at("file"), "user.none")).toBeUndefined();
    expect(getXattr(at("link"), "trusted.longshore")?.toString()).toBe("on the link");
    expect(listXattrs(at("file")).toSorted()).toEqual(["user.empty", "user.longshore"]);
    expect(listXattrs(at("nothing"))).toEqual([]);
  });

  test("getXattr() and listXattrs() take for absent what is not there, and nothing else", () => {
    writeFileSync(at("file"), "");
    for (const place of [at("nothing"), at("file/below")]) {
      expect(getXattr(place, "user.a")).toBeUndefined();
      expect(listXattrs(place)).toEqual([]);
    }
    const long = at("n".repeat(300));
    expect(() => getXattr(long, "user.a")).toThrow(
      expect.objectContaining({ code: "ENAMETOOLONG", syscall: "lgetxattr" }),
    );
    expect(() => listXattrs(long)).toThrow(
      expect.objectContaining({ code: "ENAMETOOLONG", syscall: "llistxattr" }),
    );
  });

  test("setXattr() refuses by errno: no file, a kind that links can't have", () => {
    symlinkSync("nowhere", at("link"));
    const setting = (name: string, attribute: string) => () => setXattr(at(name), attribute, Buffer.of(1));
    expect(setting("nothing", "user.a")).toThrow(
      expect.objectContaining({ code: "ENOENT", syscall: "lsetxattr" }),
    );
    expect(setting("link", "user.a")).toThrow(expect.objectContaining({ code: "EPERM" }));
  });

  test("large values and many names come whole, where the file system keeps them", () => {
    // tmpfs keeps 64 KiB; ext4 has one block for all.
    const place = mkdtempSync("/dev/shm/longshore-files-");
    try {
      const file = path.join(place, "file");
      writeFileSync(file, "");
      const value = Buffer.alloc(20_000, 7);
      setXattr(file, "trusted.large", value);
      expect(getXattr(file, "trusted.large")?.equals(value)).toBe(true);
      const names = Array.from({ length: 150 }, (_, number) => `trusted.${number}.${"n".repeat(180)}`);
      for (const name of names) setXattr(file, name, Buffer.of(1));
      expect(listXattrs(file)).toEqual(expect.arrayContaining(names));
    } finally {
      rmSync(place, { recursive: true });
    }
  });
});

describe("nodes and times", () => {
  test.for([
    [0o020600, 1, 3],
    [0o060640, 259, 7],
    [0o020600, 511, 1_048_575],
  ] as const)("makeNode(%o, %i, %i) makes what deviceNumbers() reads", ([mode, major, minor]) => {
    makeNode(at("node"), mode, major, minor);
    const stats = lstatSync(at("node"));
    expect(deviceNumbers(stats.rdev)).toEqual({ major, minor });
    expect(stats.isBlockDevice()).toBe((mode & 0o170000) === 0o060000);
  });

  test("makeWhiteout() is a character device of 0:0, and taken names are EEXIST", () => {
    makeWhiteout(at("gone"));
    const stats = lstatSync(at("gone"));
    expect([stats.isCharacterDevice(), stats.rdev]).toEqual([true, 0]);
    expect(() => makeWhiteout(at("gone"))).toThrow(expect.objectContaining({ code: "EEXIST" }));
  });

  test("setTimes() keeps nanoseconds, also before 1970, and follows no link", () => {
    writeFileSync(at("file"), "");
    symlinkSync("file", at("link"));
    const before = lstatSync(at("file"), { bigint: true }).mtimeNs;
    for (const nano of [1_234_567_890_123_456_789n, -1n, 0n]) {
      setTimes(at("link"), nano);
      expect(lstatSync(at("link"), { bigint: true }).mtimeNs).toBe(nano);
    }
    expect(lstatSync(at("file"), { bigint: true }).mtimeNs).toBe(before);
  });

  test("spreadSubfolders() marks the folder, not what is made in it, and says where that can't be", () => {
    const isMarked = (place: string): boolean =>
      /^\S*T/.test(spawnSync("lsattr", ["-d", place], { encoding: "utf8" }).stdout);
    expect(spreadSubfolders(folder)).toBe(isMarked(folder));
    mkdirSync(at("below"));
    expect(isMarked(at("below"))).toBe(false);
    expect(spreadSubfolders("/proc")).toBe(false);
  });

  test("syncInBackground() of no descriptor rejects", async () => {
    await expect(syncInBackground(1_000_000)).rejects.toThrow("syncfs of fd 1000000 failed");
  });
});

describe("trees", () => {
  test("copyTree() keeps owners, modes, times, links, devices and attributes, the folder's own too", async ({
    signal,
  }) => {
    mkdirSync(at("source/deep"), { recursive: true });
    writeFileSync(at("source/file"), "text", { mode: 0o640 });
    linkSync(at("source/file"), at("source/again"));
    symlinkSync("/etc/passwd", at("source/link"));
    makeNode(at("source/null"), 0o020666, 1, 3);
    chownSync(at("source/file"), 1234, 4321);
    setXattr(at("source/deep"), "user.longshore", Buffer.from("x"));
    setTimes(at("source/file"), 1_000_000_005n);
    setTimes(at("source"), 2_000_000_000n);
    mkdirSync(at("target"));
    await copyTree(at("source"), at("target"), signal);
    const file = lstatSync(at("target/file"), { bigint: true });
    expect([file.uid, file.gid, file.mode & 0o777n, file.mtimeNs]).toEqual([
      1234n,
      4321n,
      0o640n,
      1_000_000_005n,
    ]);
    expect(lstatSync(at("target/again"), { bigint: true }).ino).toBe(file.ino);
    expect(readlinkSync(at("target/link"))).toBe("/etc/passwd");
    expect(deviceNumbers(lstatSync(at("target/null")).rdev)).toEqual({ major: 1, minor: 3 });
    expect(getXattr(at("target/deep"), "user.longshore")?.toString()).toBe("x");
    expect(lstatSync(at("target"), { bigint: true }).mtimeNs).toBe(2_000_000_000n);
    expect(readFileSync(at("target/file"), "utf8")).toBe("text");
  });

  test("copyTree() refuses with cp's words, and with the reason of its signal", async ({ signal }) => {
    await expect(copyTree(at("nothing"), folder, signal)).rejects.toMatchObject({
      kind: "internal",
      message: expect.stringMatching(/^cp: .*No such file or directory/),
    });
    const reason = new Error("client went away");
    await expect(copyTree(folder, folder, AbortSignal.abort(reason))).rejects.toBe(reason);
  });

  test("removeTree() removes deeper than a path can name, leaves the rest and takes absent as removed", async () => {
    mkdirSync(at("deep"));
    mkdirSync(at("beside"));
    const script = `cd "$1"; i=0; while [ $i -lt 60 ]; do mkdir ${"d".repeat(200)}; cd ${"d".repeat(200)}; i=$((i+1)); done; : > file`;
    execFileSync("sh", ["-c", script, "sh", at("deep")], { stdio: "ignore" });
    await removeTree(at("deep"));
    await removeTree(at("deep"));
    expect(readdirSync(folder)).toEqual(["beside"]);
  });
});
