import fc from "fast-check";
import { expect, test } from "vitest";
import { fuzzed } from "@longshore/testkit";
import type { LogEntry } from "#logs";
import { type LogForm, LogPrinter } from "./log-frames.ts";

type Written = readonly [LogEntry["stream"], string];

const batchOf = (list: readonly Written[]): LogEntry[] =>
  list.map(([stream, text], index) => ({ stream, timeNano: BigInt(index), bytes: Buffer.from(text) }));

/** Frames as stream and payload. Throws when the last one is not whole. */
function framesOf(bytes: Buffer): Written[] {
  const frames: Written[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 8 + bytes.readUInt32BE(at + 4);
    if (end > bytes.length) throw new Error(`a frame ends at ${end}, want at most ${bytes.length}`);
    frames.push([bytes[at] === 2 ? "stderr" : "stdout", bytes.toString("latin1", at + 8, end)]);
    at = end;
  }
  return frames;
}

const print = (form: LogForm, ...list: readonly Written[]): Buffer =>
  new LogPrinter(form).print(batchOf(list));

test("print() gives one frame for each line, whatever the entries", () => {
  const list: Written[] = [
    ["stdout", "a\nb\n"],
    ["stdout", "c\n"],
    ["stderr", "\nd\n"],
    ["stdout", "rest"],
  ];
  expect(framesOf(print({ frames: "line" }, ...list))).toEqual([
    ["stdout", "a\n"],
    ["stdout", "b\n"],
    ["stdout", "c\n"],
    ["stderr", "\n"],
    ["stderr", "d\n"],
    ["stdout", "rest"],
  ]);
});

test("print() joins lines of one stream up to the next of the other", () => {
  const list: Written[] = [
    ["stdout", "a\nb\n"],
    ["stdout", "c\n"],
    ["stderr", "d\n"],
    ["stdout", "rest"],
  ];
  expect(framesOf(print({ frames: "joined" }, ...list))).toEqual([
    ["stdout", "a\nb\nc\n"],
    ["stderr", "d\n"],
    ["stdout", "rest"],
  ]);
});

test("print() puts the prefix before each line of an entry, joined or not, also without frames", () => {
  const prefixOf = ({ timeNano }: LogEntry): string => `${timeNano}> `;
  const list: Written[] = [
    ["stdout", "a\nb\n"],
    ["stdout", "c\n"],
  ];
  expect(framesOf(print({ frames: "line", prefixOf }, ...list)).map(([, text]) => text)).toEqual([
    "0> a\n",
    "0> b\n",
    "1> c\n",
  ]);
  expect(framesOf(print({ frames: "joined", prefixOf }, ...list))).toEqual([
    ["stdout", "0> a\n0> b\n1> c\n"],
  ]);
  expect(print({ frames: "none", prefixOf }, ...list).toString()).toBe("0> a\n0> b\n1> c\n");
});

test("print() leaves a terminal's output as it is", () => {
  expect(print({ frames: "none" }, ["stdout", "a\r\nb"], ["stdout", "c\r\n"]).toString()).toBe("a\r\nbc\r\n");
});

test("a joined frame ends with a line and within 32 KiB, unless one line is longer", () => {
  const long = `${"y".repeat(40_000)}\n`;
  const short = `${"x".repeat(999)}\n`;
  const frames = framesOf(
    print({ frames: "joined" }, ["stdout", short.repeat(100) + long + short.repeat(3)]),
  );
  expect(frames.map(([, text]) => text).join("")).toBe(short.repeat(100) + long + short.repeat(3));
  expect(frames.every(([, text]) => text.endsWith("\n"))).toBe(true);
  expect(frames.filter(([, text]) => text.length > 32 * 1024)).toEqual([["stdout", long]]);
  expect(frames.length).toBe(6);
});

test("print() again and again, with batches that grow and shrink, gives each batch alone", () => {
  const printer = new LogPrinter({ frames: "line" });
  for (const count of [3, 20_000, 1, 100_000, 2])
    expect(framesOf(printer.print(batchOf([["stdout", "\n".repeat(count)]])))).toHaveLength(count);
});

test("every form carries the same bytes of each stream, in the same order across the streams", () => {
  const text = fc.stringMatching(/^[ab\n]{1,6}$/);
  const list = fc.array(fc.tuple(fc.constantFrom("stdout" as const, "stderr" as const), text));
  /** Neighbours of one stream as one. */
  const runs = (frames: readonly Written[]): Written[] =>
    frames.reduce<Written[]>((sum, [stream, piece]) => {
      const last = sum.at(-1);
      return last?.[0] === stream
        ? [...sum.slice(0, -1), [stream, last[1] + piece]]
        : [...sum, [stream, piece]];
    }, []);
  fc.assert(
    fc.property(list, (written) => {
      expect(runs(framesOf(print({ frames: "line" }, ...written)))).toEqual(runs(written));
      expect(framesOf(print({ frames: "joined" }, ...written))).toEqual(runs(written));
      expect(print({ frames: "none" }, ...written).toString()).toBe(
        written.map(([, piece]) => piece).join(""),
      );
    }),
    fuzzed(200),
  );
});
