import fc from "fast-check";
import { expect, test } from "vitest";
import { fuzzed } from "@longshore/testkit";
import type { RemoteLine } from "./driver.ts";
import { LineSplitter, PART_BYTES } from "./line-splitter.ts";
import type { ShippedPosition } from "./position.ts";

interface Piece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Buffer;
}

const START: ShippedPosition = { stdout: { offset: 0 }, stderr: { offset: 0 } };
const text = fc.oneof(
  fc.stringMatching(/^[ab\n]{1,8}$/),
  fc.nat({ max: 3 * PART_BYTES }).map((count) => "x".repeat(count)),
  fc.constant(`${"y".repeat(PART_BYTES)}\n`),
);
const pieces = fc.array(
  fc.record({
    stream: fc.constantFrom("stdout" as const, "stderr" as const),
    bytes: text.map((string) => Buffer.from(string)),
  }),
  { maxLength: 10 },
);

interface Given {
  readonly line: RemoteLine;
  readonly after: ShippedPosition;
}

/** All lines of a log from a position on, each with the position after it, as a forwarder reads them. */
function read(list: readonly Piece[], position: ShippedPosition): readonly Given[] {
  const splitter = new LineSplitter(position);
  const given: Given[] = [];
  let offset = 0;
  list.forEach(({ stream, bytes }, index) => {
    for (const line of splitter.push(stream, BigInt(index), offset, bytes))
      given.push({ line, after: splitter.position });
    offset += bytes.length;
  });
  for (const line of splitter.cut("stdout", "stderr")) given.push({ line, after: splitter.position });
  return given;
}

test("push() gives each stream's lines whole and in order, in parts of 16 KiB", () => {
  fc.assert(
    fc.property(pieces, (list) => {
      const lines = read(list, START).map(({ line }) => line);
      for (const stream of ["stdout", "stderr"] as const) {
        const own = lines.filter((line) => line.stream === stream);
        const whole = Buffer.concat(
          list.filter((piece) => piece.stream === stream).map(({ bytes }) => bytes),
        );
        const said = own.map(
          ({ bytes, part }) => `${Buffer.from(bytes).toString()}${part?.isLast === false ? "" : "\n"}`,
        );
        expect(said.join("").replace(/\n$/, "")).toBe(whole.toString().replace(/\n$/, ""));
        expect(own.every(({ bytes }) => bytes.length <= PART_BYTES)).toBe(true);
      }
    }),
    fuzzed(200),
  );
});

test("push() from the position after any line gives the rest and nothing twice", () => {
  fc.assert(
    fc.property(pieces, fc.nat(), (list, cut) => {
      const all = read(list, START);
      const done = all.length === 0 ? 0 : cut % all.length;
      const kept = done === 0 ? START : all[done - 1]?.after;
      if (kept === undefined) return;
      expect(read(list, kept).map(({ line }) => line)).toEqual(all.slice(done).map(({ line }) => line));
    }),
    fuzzed(200),
  );
});
