import fc from "fast-check";
import { expect, test } from "vitest";
import { FrameSplitter } from "./frames.ts";

function frame(source: 1 | 2, bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(8 + bytes.length);
  whole[0] = source;
  new DataView(whole.buffer).setUint32(4, bytes.length);
  whole.set(bytes, 8);
  return whole;
}

test("FrameSplitter gives each source its bytes back, however the chunks are cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(1 as const, 2 as const), fc.uint8Array({ maxLength: 40 }))),
      fc.integer({ min: 1, max: 13 }),
      (frames, cut) => {
        const wire = Buffer.concat(frames.map(([source, bytes]) => frame(source, bytes)));
        const splitter = new FrameSplitter();
        const got: Record<string, number[]> = { stdout: [], stderr: [], stdin: [] };
        for (let at = 0; at < wire.length; at += cut)
          for (const piece of splitter.push(wire.subarray(at, at + cut)))
            got[piece.source]?.push(...piece.bytes);
        const want = (source: number): number[] =>
          frames.filter(([s]) => s === source).flatMap(([, bytes]) => [...bytes]);
        expect(got["stdout"]).toEqual(want(1));
        expect(got["stderr"]).toEqual(want(2));
      },
    ),
  );
});

test("FrameSplitter refuses bytes that are no frames", () => {
  expect(() => [...new FrameSplitter().push(Buffer.from("plain text of a tty"))]).toThrow(
    "not a multiplexed stream",
  );
});
