import { expect, test } from "vitest";
import { plainRequest } from "./testing.ts";
import { tmpfsOptions } from "./tmpfs-options.ts";

const { host } = plainRequest(["x"]);
const optionsOf = (mode: string, isWritable = true): readonly string[] =>
  tmpfsOptions(host, {
    type: "tmpfs",
    source: "",
    destination: "/t",
    mode,
    isWritable,
    propagation: "",
  });

test("nothing but the defaults without options, and less of them where the container says so", () => {
  expect(optionsOf("")).toEqual(["nosuid", "nodev", "noexec"]);
  expect(optionsOf("exec,size=1m,mode=1777")).toEqual(["nosuid", "nodev", "exec", "size=1m", "mode=1777"]);
  expect(optionsOf("", false)).toEqual(["nosuid", "nodev", "noexec", "ro"]);
});

test("--mount's size, mode and options are there, zeros are not", () => {
  const of = (TmpfsOptions: object): readonly string[] =>
    tmpfsOptions(
      { ...host, Mounts: [{ Type: "tmpfs", Target: "/t/", TmpfsOptions }] },
      { type: "tmpfs", source: "", destination: "/t", mode: "", isWritable: true, propagation: "" },
    );
  expect(of({ SizeBytes: 4096, Mode: 0o1777, Options: [["exec"]] })).toEqual([
    "nosuid",
    "nodev",
    "size=4096",
    "mode=1777",
    "exec",
  ]);
  expect(of({ SizeBytes: 0, Mode: 0 })).toEqual(["nosuid", "nodev", "noexec"]);
});

test.each([
  ["1m", '["1m"]'],
  ["size", '["size"]'],
  ["size=1m,", '[""]'],
  ["huge=always", '["huge" "always"]'],
  ["exec,bad=a=b", '["bad" "a=b"]'],
  ["ro=1", '["ro" "1"]'],
])("%j is refused in Docker's words", (mode, words) => {
  expect(() => optionsOf(mode)).toThrow(`invalid tmpfs option ${words}`);
});
