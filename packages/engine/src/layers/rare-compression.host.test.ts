import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { withoutRareCompression } from "./rare-compression.ts";

const plain = Buffer.from("what an archive holds\n".repeat(50_000));
const packed = (program: string): Buffer => spawnSync(program, ["-c"], { input: plain }).stdout;

async function* pieces(bytes: Buffer, size = 10_000): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
const read = async (source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(withoutRareCompression(source, signal)));

/** Programs of that name which this process started and which are still there. */
const running = (name: string): readonly string[] =>
  readdirSync("/proc").filter((pid) => {
    try {
      const [, comm, , parent] =
        /^\d+ \((.*)\) (\S) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, "utf8")) ?? [];
      return comm === name && Number(parent) === process.pid;
    } catch {
      return false;
    }
  });

test.each(["xz", "bzip2"])(
  "withoutRareCompression() makes plain bytes of %s, in pieces of any size",
  async (name) => {
    const { signal } = new AbortController();
    for (const size of [1_000_000, 999, 1])
      expect((await read(pieces(packed(name), size), signal)).equals(plain)).toBe(true);
  },
);

test.each(["xz", "bzip2"])(
  "withoutRareCompression() refuses broken %s, and leaves no program",
  async (name) => {
    const { signal } = new AbortController();
    const whole = packed(name);
    const spoilt = Buffer.from(whole).fill(0x55, 20, 60);
    for (const bytes of [whole.subarray(0, -30), spoilt])
      await expect(read(pieces(bytes), signal)).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringMatching(new RegExp(`^${name}: `)) as string,
      });
    expect(running(name)).toEqual([]);
  },
);

test("withoutRareCompression() ends its program with whoever stops reading, gives up or breaks off", async () => {
  const whole = packed("xz");
  const stop = new AbortController();
  const reason = new Error("client went away");
  for await (const _ of withoutRareCompression(pieces(whole), stop.signal)) break;
  async function* breaking(): AsyncGenerator<Buffer> {
    yield whole.subarray(0, 100);
    throw reason;
  }
  await expect(read(breaking(), stop.signal)).rejects.toBe(reason);
  async function* hanging(): AsyncGenerator<Buffer> {
    yield whole.subarray(0, 100);
    stop.abort(reason);
    yield whole.subarray(100);
  }
  await expect(read(hanging(), stop.signal)).rejects.toBe(reason);
  await expect.poll(() => running("xz")).toEqual([]);
});

test("withoutRareCompression() hands everything else on as it is", async () => {
  const { signal } = new AbortController();
  for (const bytes of [gzipSync(plain), plain, Buffer.alloc(0), Buffer.from("BZ")])
    expect((await read(pieces(bytes, 1000), signal)).equals(bytes)).toBe(true);
});
