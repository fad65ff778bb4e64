import { spawnSync } from "node:child_process";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { tarHeader, tarPadding } from "@longshore/client";
import { readTar } from "./tar.ts";

const longName = `${"long-".repeat(40)}ä.txt`;
const names = ["a.txt", longName, "ünïcode", "x".repeat(100), "y".repeat(101)];

function archive(): Buffer {
  const parts = names.flatMap((name, at) => {
    const content = Buffer.from("x".repeat(at * 300));
    return [
      tarHeader({ name, sizeBytes: content.length, mode: 0o640, modifiedMs: 1_700_000_000_000 }),
      content,
      tarPadding(content.length),
    ];
  });
  return Buffer.concat([...parts, new Uint8Array(1024)]);
}

test("tarHeader() is read back by the reader with names and sizes", async () => {
  async function* bytes(): AsyncGenerator<Uint8Array> {
    yield archive();
  }
  const seen: [string, number, number][] = [];
  for await (const { file } of readTar(bytes())) seen.push([file.path, file.sizeBytes, file.mode]);
  expect(seen).toEqual(names.map((name, at) => [`/${name}`, at * 300, 0o640]));
});

test("tarHeader() is what the system's tar reads too", () => {
  const listed = spawnSync("tar", ["-tf", "-", "--quoting-style=literal"], {
    input: archive(),
    env: { ...process.env, LC_ALL: "C.UTF-8" },
    encoding: "utf8",
  });
  expect(listed.stderr).toBe("");
  expect(listed.stdout.trimEnd().split("\n")).toEqual(names);
});
