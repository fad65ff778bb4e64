import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { growPipe, makeFifo } from "#host";
import { silentLogger } from "#kernel";
import { openLogs } from "#logs";
import { eachLine } from "#testing/logs";
import { LOG_DATA_FILE, LOG_INDEX_FILE, LOG_START_FILE } from "#spec";
import { LogWriter } from "./log-writer.ts";

const LIMIT = { capacityBytes: 400_000, stepBytes: 100_000 };

/** A log directory with a pipe into it. */
class Ground implements Disposable {
  readonly directory: string = mkdtempSync(path.join(os.tmpdir(), "longshore-log-writer-"));
  readonly pipe: number;
  written = 0;

  constructor() {
    const fifo = path.join(this.directory, "pipe");
    makeFifo(fifo, 0o600);
    this.pipe = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
    growPipe(this.pipe);
  }

  /** Writes numbered lines and moves them on in pieces. */
  write(writer: LogWriter, lines: number): void {
    for (const last = this.written + lines; this.written < last;) {
      let text = "";
      for (let count = 0; count < 50 && this.written < last; count++) text += `line ${++this.written}\n`;
      writeSync(this.pipe, text);
      while (writer.take(this.pipe, "stdout") !== 0);
    }
  }

  async lines(tail?: number): Promise<readonly string[]> {
    const lines: string[] = [];
    const query = {
      hasStdout: true,
      hasStderr: true,
      isFollowing: false,
      ...(tail !== undefined && { tail }),
    };
    const entries = openLogs({ log: silentLogger }).read(
      this.directory,
      query,
      Promise.resolve(),
      AbortSignal.timeout(10_000),
    );
    for await (const { bytes, timeNano } of eachLine(entries)) {
      expect(timeNano).toBeGreaterThan(0n);
      lines.push(Buffer.from(bytes).toString());
    }
    return lines;
  }

  file(name: string): string {
    return path.join(this.directory, name);
  }

  [Symbol.dispose](): void {
    closeSync(this.pipe);
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function expectSuffix(lines: readonly string[], last: number): void {
  const first = last - lines.length + 1;
  expect(lines.every((line, index) => line === `line ${first + index}\n`)).toBe(true);
}

test("a log with a limit keeps whole lines of its newest part, and frees the rest of the disk", async () => {
  using ground = new Ground();
  using writer = new LogWriter(ground.directory, true, LIMIT);
  ground.write(writer, 200_000);
  const lines = await ground.lines();
  expectSuffix(lines, 200_000);
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  expect(bytes).toBeLessThanOrEqual(LIMIT.capacityBytes);
  expect(bytes).toBeGreaterThan(0.9 * (LIMIT.capacityBytes - LIMIT.stepBytes));
  expect(statSync(ground.file(LOG_DATA_FILE)).blocks * 512).toBeLessThan(LIMIT.capacityBytes + 16_384);
  expect(statSync(ground.file(LOG_INDEX_FILE)).blocks * 512).toBeLessThan(64_000);
  await expect(openLogs({ log: silentLogger }).sizeBytes(ground.directory)).resolves.toBe(bytes);
});

test("many small pieces count with their entries", async () => {
  using ground = new Ground();
  using writer = new LogWriter(ground.directory, true, { capacityBytes: 40_000, stepBytes: 10_000 });
  for (let count = 0; count < 10_000; count++) {
    writeSync(ground.pipe, "x\n");
    writer.take(ground.pipe, "stdout");
  }
  const blocks = [LOG_DATA_FILE, LOG_INDEX_FILE].map((file) => statSync(ground.file(file)).blocks * 512);
  expect((blocks[0] ?? 0) + (blocks[1] ?? 0)).toBeLessThan(40_000 + 16_384);
  const lines = await ground.lines();
  expect(lines.length).toBeGreaterThan(1000);
  expect(lines.every((line) => line === "x\n")).toBe(true);
});

test("tail counts in what is kept only", async () => {
  using ground = new Ground();
  using writer = new LogWriter(ground.directory, true, LIMIT);
  ground.write(writer, 100_000);
  expect(await ground.lines(3)).toEqual(["line 99998\n", "line 99999\n", "line 100000\n"]);
  const all = await ground.lines();
  expect((await ground.lines(1_000_000)).length).toBe(all.length);
  expectSuffix(await ground.lines(all.length), 100_000);
});

test("a writer killed before it freed what it dropped is followed by one that frees it", async () => {
  using ground = new Ground();
  {
    using writer = new LogWriter(ground.directory, true);
    ground.write(writer, 100_000);
  }
  const whole = statSync(ground.file(LOG_DATA_FILE)).blocks;
  const kept = readFileSync(ground.file(LOG_DATA_FILE), "utf8").indexOf("line 90000\n");
  // As the killed one left it: the start is told, the hole is not there yet.
  const start = openSync(ground.file(LOG_START_FILE), "w");
  writeSync(start, String(kept));
  closeSync(start);
  expect((await ground.lines())[0]).toBe("line 90000\n");
  using next = new LogWriter(ground.directory, false, LIMIT);
  ground.write(next, 60_000);
  expectSuffix(await ground.lines(), 160_000);
  expect(statSync(ground.file(LOG_DATA_FILE)).blocks).toBeLessThan(whole);
});

test("a follower that keeps up sees every line across many drops; a late one goes on at the oldest kept", async () => {
  using ground = new Ground();
  using writer = new LogWriter(ground.directory, true, LIMIT);
  ground.write(writer, 10);
  const ended = Promise.withResolvers<void>();
  const follow = async (seen: string[]): Promise<string[]> => {
    const query = { hasStdout: true, hasStderr: true, isFollowing: true };
    for await (const { bytes } of eachLine(
      openLogs({ log: silentLogger }).read(
        ground.directory,
        query,
        ended.promise,
        AbortSignal.timeout(30_000),
      ),
    ))
      seen.push(Buffer.from(bytes).toString());
    return seen;
  };
  const seen: string[] = [];
  const following = follow(seen);
  for (let round = 0; round < 60; round++) {
    ground.write(writer, 3000);
    await expect.poll(() => seen.length, { interval: 1, timeout: 10_000 }).toBe(ground.written);
  }
  ended.resolve();
  await following;
  expect(seen.length).toBe(180_010);
  expectSuffix(seen, 180_010);
  expectSuffix(await follow([]), 180_010);
});
