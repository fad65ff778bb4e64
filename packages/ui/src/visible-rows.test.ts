import { expect, test } from "vitest";
import { rowRange } from "./visible-rows.ts";

test.each([
  [{ top: 0, height: 400 }, 1000, { first: 0, end: 20 }],
  [{ top: 3600, height: 400 }, 1000, { first: 92, end: 120 }],
  [{ top: 35_600, height: 400 }, 1000, { first: 980, end: 1000 }],
  [{ top: 0, height: 400 }, 3, { first: 0, end: 3 }],
  [{ top: 9_000, height: 400 }, 3, { first: 3, end: 3 }],
  [{ top: 0, height: 400 }, 0, { first: 0, end: 0 }],
])("rowRange(%j of %i rows) is what is seen and 8 more on either side", (view, count, wanted) => {
  expect(rowRange(view, 36, count, 8)).toEqual(wanted);
});
