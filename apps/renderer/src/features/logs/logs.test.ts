import { expect, test } from "vitest";
import { ansiSpans } from "./ansi.ts";
import { LineLayout } from "./layout.ts";
import { compileQuery, LogStore } from "./log-store.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

test("LogStore cuts lines across chunks per source and takes the time off", () => {
  const store = new LogStore();
  store.push("stdout", bytes("2026-11-24T12:00:00.123456789Z hel"));
  store.push("stderr", bytes("oops\n"));
  store.push("stdout", bytes("lo\nplain\r\nbar 1\rbar 2\n"));
  expect(store.lines.map((l) => [l.source, l.time, l.text])).toEqual([
    ["stderr", "", "oops"],
    ["stdout", "2026-11-24T12:00:00.123456789Z", "hello"],
    ["stdout", "", "plain"],
    ["stdout", "", "bar 2"],
  ]);
});

test("LogStore leaves out what a stream that goes on gives again, and nothing else", () => {
  const store = new LogStore();
  const [early, late] = ["2026-11-24T12:00:00.1Z", "2026-11-24T12:00:00.2Z"];
  store.push("stdout", bytes(`${early} a\n${late} b\n${late} b\n${late} half`));
  store.push("stderr", bytes(`${late} e\n`));
  expect(store.resume()).toBe(late);
  store.push("stdout", bytes(`${late} b\n${late} b\n${late} half and whole\n${late} b\n`));
  store.push("stderr", bytes(`${late} e\n${late} e\n`));
  expect(store.lines.map((line) => line.text)).toEqual(["a", "b", "b", "e", "half and whole", "b", "e"]);
  expect(store.total).toEqual({ lines: 7, errors: 2 });
});

test("LogStore joins a character cut between chunks", () => {
  const store = new LogStore();
  const whole = bytes("é\n");
  store.push("stdout", whole.subarray(0, 1));
  store.push("stdout", whole.subarray(1));
  expect(store.lines[0]?.text).toBe("é");
});

test("LogStore drops the oldest above its bound and says how many", () => {
  const store = new LogStore();
  const dropped = store.push("stdout", bytes("x\n".repeat(100_001)));
  expect([dropped, store.lines.length, store.dropped]).toEqual([10_000, 90_001, 10_000]);
});

test("LogStore and ansiSpans() drop titles, links and clipboard writes", () => {
  const store = new LogStore();
  store.push(
    "stdout",
    bytes(
      "\u001B]0;title\u0007a\u001B]52;c;ZXZpbA==\u0007b\u001B]8;;http://evil\u001B\\c\u001B[2J\u001B[31mred\u001B[0m\n",
    ),
  );
  expect(store.lines[0]?.text).toBe("abcred");
  const spans = ansiSpans(store.lines[0]?.raw ?? "");
  expect(spans.map((s) => [s.text, s.color])).toEqual([
    ["a", -1],
    ["b", -1],
    ["c", -1],
    ["red", 1],
  ]);
});

test("LineLayout finds lines by row with and without wrapping", () => {
  const layout = new LineLayout(10);
  for (const length of [0, 25, 10, 11]) layout.add(length);
  expect(layout.rows).toBe(1 + 3 + 1 + 2);
  expect([0, 1, 3, 4, 5, 6, 99].map((row) => layout.at(row))).toEqual([0, 1, 1, 2, 3, 3, 3]);
  expect(layout.top(2)).toBe(4);
  expect(layout.dropFirst(2)).toBe(4);
  expect([layout.rows, layout.at(1)]).toEqual([3, 1]);
});

test("compileQuery() takes plain text literally and gives nothing for a broken expression", () => {
  expect("a.b axb".match(compileQuery("A.B", false) ?? /x/)).toEqual(["a.b"]);
  expect(compileQuery("(", true)).toBeUndefined();
  expect(compileQuery("", false)).toBeUndefined();
});
