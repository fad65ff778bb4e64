import { Readable } from "node:stream";
import { expect, test } from "vitest";
import type { ProgressLine } from "@longshore/protocol";
import { followBuildProgress } from "./buildkit.ts";

const field = (number: number, bytes: Uint8Array | string): Buffer => {
  const value = Buffer.from(bytes);
  return Buffer.concat([Buffer.from([(number << 3) | 2, value.length]), value]);
};
const flag = (number: number, value: number): Buffer => Buffer.from([number << 3, value]);

async function wordsOf(...lines: readonly object[]): Promise<{ error: Error | null; words: string[] }> {
  const stream = Readable.from(lines.map((line) => Buffer.from(`${JSON.stringify(line)}\n`)));
  const seen: (string | undefined)[] = [];
  return await new Promise((done) =>
    followBuildProgress(
      stream,
      (error, all: readonly ProgressLine[]) => {
        expect(all.map((line) => line.stream)).toEqual(seen);
        done({ error, words: all.map((line) => line.stream ?? JSON.stringify(line)) });
      },
      (line) => seen.push(line.stream),
    ),
  );
}

test("followBuildProgress() says BuildKit's steps, output, transfers and warnings in words", async () => {
  const trace = Buffer.concat([
    field(1, Buffer.concat([field(1, "sha256:0123456789"), field(3, "RUN true"), field(5, "")])),
    field(1, Buffer.concat([field(3, "COPY . ."), flag(4, 1), field(6, "")])),
    field(3, field(4, "hello\n")),
    field(2, Buffer.concat([field(3, "transferring"), flag(4, 5), flag(5, 10)])),
    field(4, field(3, "careful")),
  ]);
  const { error, words } = await wordsOf(
    { id: "moby.buildkit.trace", aux: trace.toString("base64") },
    { id: "moby.image.id", aux: { ID: "sha256:made" } },
  );
  expect(error).toBeNull();
  expect(words).toEqual([
    "[sha256:01234] RUN true\n",
    "CACHED: COPY . .\n",
    "hello\n",
    "transferring: 50% (5/10)\n",
    "WARNING: careful\n",
    "Built image: sha256:made\n",
  ]);
});

test("followBuildProgress() leaves other lines as they are, and fails for a trace cut short", async () => {
  expect((await wordsOf({ stream: "Step 1/1\n" })).words).toEqual(["Step 1/1\n"]);
  const { error } = await wordsOf({
    id: "moby.buildkit.trace",
    aux: Buffer.from([10, 50]).toString("base64"),
  });
  expect(error?.message).toBe("a BuildKit trace ends inside a field");
});
