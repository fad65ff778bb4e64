import fc from "fast-check";
import { expect, test } from "vitest";
import { LogIndex } from "./log-index.ts";
import type { LogLine } from "./log-store.ts";

const lineOf = (text: string): LogLine => ({ source: "stdout", time: "", raw: text, text });
const picture = (index: LogIndex): unknown => ({
  matches: Array.from({ length: index.matchCount }, (_, at) => index.match(at)),
  shown: Array.from({ length: index.shownCount }, (_, at) => [
    index.shown(at),
    index.top(at),
    index.placeOf(index.shown(at)),
  ]),
  rows: index.rows,
});

const step = fc.record({
  added: fc.array(fc.stringMatching(/^[ab]{0,12}$/), { maxLength: 6 }),
  dropped: fc.nat(4),
});

test.each([
  [undefined, false],
  [/ab/giu, false],
  [/ab/giu, true],
])("LogIndex grown by steps with %s is the one made at once", (query, isFilter) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), fc.constantFrom(0, 3), (steps, columns) => {
      const lines: LogLine[] = [];
      let dropped = 0;
      const grown = new LogIndex(query, isFilter, columns);
      for (const { added, dropped: count } of steps) {
        lines.push(...added.map(lineOf));
        const gone = Math.min(count, lines.length);
        lines.splice(0, gone);
        dropped += gone;
        grown.follow(lines, dropped);
      }
      const fresh = new LogIndex(query, isFilter, columns);
      fresh.follow(lines, dropped);
      expect(picture(grown)).toEqual(picture(fresh));
    }),
  );
});
