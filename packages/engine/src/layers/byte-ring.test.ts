import { Worker } from "node:worker_threads";
import { createHash, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { RingReader, ringMemory, RingWriter } from "./byte-ring.ts";

test("RingWriter gives a blocking thread every byte in order, more than fits at once", async () => {
  const memory = ringMemory();
  const source = `
    const { workerData, parentPort } = require("node:worker_threads");
    const { createHash } = require("node:crypto");
    import(workerData.module).then(({ RingReader }) => {
      const hash = createHash("sha256");
      const ring = new RingReader(workerData.memory);
      for (let piece = ring.next(); piece !== undefined; piece = ring.next()) hash.update(piece);
      parentPort.postMessage(hash.digest("hex"));
    });`;
  const module = new URL("./byte-ring.ts", import.meta.url).href;
  const worker = new Worker(source, { eval: true, workerData: { memory, module } });
  try {
    const answer = new Promise<string>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    const ring = new RingWriter(memory);
    const hash = createHash("sha256");
    for (const sizeBytes of [1, 0, 9_000_000, 65_536, 20_000_000]) {
      const chunk = randomBytes(sizeBytes);
      hash.update(chunk);
      expect(await ring.write(chunk, () => false)).toBe(true);
    }
    ring.end();
    expect(await answer).toBe(hash.digest("hex"));
  } finally {
    await worker.terminate();
  }
});

test("RingWriter stops when the reading side is gone or the writer gives up", async () => {
  const memory = ringMemory();
  const ring = new RingWriter(memory);
  const full = Buffer.alloc(4 * 1024 * 1024);
  expect(await ring.write(full, () => false)).toBe(true);
  let asked = 0;
  expect(await ring.write(full, () => asked++ > 1)).toBe(false);
  new RingReader(memory)[Symbol.dispose]();
  expect(await ring.write(full, () => false)).toBe(false);
});

test("RingReader keeps a piece until the next is asked for, and tells an end from a cut", async () => {
  const memory = ringMemory();
  const ring = new RingWriter(memory);
  using reader = new RingReader(memory);
  await ring.write(Buffer.alloc(4 * 1024 * 1024, "a"), () => false);
  const first = reader.next();
  let asked = 0;
  expect(await ring.write(Buffer.from("b"), () => asked++ > 1)).toBe(false);
  reader.next();
  expect(await ring.write(Buffer.from("b"), () => false)).toBe(true);
  expect(first?.[0]).toBe("b".charCodeAt(0));
  ring.end();
  let sizeBytes = 0;
  for (let piece = reader.next(); piece !== undefined; piece = reader.next()) sizeBytes += piece.length;
  expect([sizeBytes, reader.isCut]).toEqual([2 * 1024 * 1024 + 1, false]);
  ring.cut();
  expect([reader.next(), reader.isCut]).toEqual([undefined, true]);
});
