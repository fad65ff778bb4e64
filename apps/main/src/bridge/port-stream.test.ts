import { EventEmitter } from "node:events";
import { expect, test } from "vitest";
import { parseControl, PortStream } from "./port-stream.ts";

class FakePort extends EventEmitter {
  readonly sent: unknown[] = [];
  isClosed = false;
  postMessage(message: unknown): void {
    this.sent.push(message);
  }
  start(): void {}
  close(): void {
    this.isClosed = true;
  }
  say(data: unknown): void {
    this.emit("message", { data });
  }
}

const MIB = 1024 * 1024;

function open(): { port: FakePort; stream: PortStream<string, string> } {
  const port = new FakePort();
  return { port, stream: new PortStream<string, string>(port as never) };
}

test("PortStream pauses above its window and goes on with credit", async () => {
  const { port, stream } = open();
  const produced: number[] = [];
  const run = stream.run(async (out) => {
    for (let i = 0; i < 4; i++) {
      await out.send(`item ${i}`, 0.6 * MIB);
      produced.push(i);
    }
    return "end";
  });
  await new Promise((done) => setImmediate(done));
  expect(produced).toEqual([0]);
  port.say({ kind: "credit", cost: 1.2 * MIB });
  await new Promise((done) => setImmediate(done));
  expect(produced).toEqual([0, 1, 2]);
  port.say({ kind: "credit", cost: 2 * MIB });
  await run;
  expect(port.sent.at(-1)).toEqual({ kind: "end", end: "end" });
  expect(port.isClosed).toBe(true);
});

test("PortStream aborts its producer when the window closes", async () => {
  const { port, stream } = open();
  const run = stream.run(async (out) => {
    for (;;) await out.send("x", MIB);
  });
  port.say({ kind: "close" });
  await run;
  expect(port.sent.at(-1)).toMatchObject({ kind: "error", error: { kind: "cancelled" } });
});

test("PortStream keeps what is typed before anybody listens, up to its window, and the last size", () => {
  const { port, stream } = open();
  const heard: unknown[] = [];
  port.say({ kind: "input", bytes: new Uint8Array([1]) });
  port.say({ kind: "resize", columns: 80, rows: 24 });
  port.say({ kind: "resize", columns: 100, rows: 30 });
  port.say({ kind: "input", bytes: new Uint8Array(MIB) });
  port.say({ kind: "input", bytes: new Uint8Array([2, 3]) });
  stream.listen(
    (bytes) => heard.push([...bytes]),
    (columns, rows) => heard.push({ columns, rows }),
  );
  port.say({ kind: "input", bytes: new Uint8Array([4]) });
  expect(heard).toEqual([{ columns: 100, rows: 30 }, [1], [2, 3], [4]]);
});

test("parseControl() drops what is no control message", () => {
  for (const bad of [
    null,
    1,
    {},
    { kind: "credit", cost: -1 },
    { kind: "input", bytes: "x" },
    { kind: "resize", columns: 0, rows: 1 },
    { kind: "resize", columns: 1e9, rows: 1 },
  ])
    expect(parseControl(bad)).toBeUndefined();
});
