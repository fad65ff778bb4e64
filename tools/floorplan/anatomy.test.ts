import { expect, test } from "vitest";
import { checkAnatomy } from "./anatomy.ts";
import type { Plan, Room } from "./plan.ts";

const README = "# host\n\nPromise: linux.\n\nOn disk: nothing. Lock order: none. Callers: layers.\n";
const whole: Readonly<Record<string, string>> = {
  "README.md": README,
  "contract.ts": "",
  "conformance.ts": "",
  "testing.ts": "",
  "linux/host.test.ts": 'import { suite } from "../conformance.ts";',
};
const room: Room = { storey: 1, promise: "", imports: [], npm: [] };

function problems(files: Readonly<Record<string, string>>, lacks?: Room["lacks"]): readonly string[] {
  const plan: Plan = {
    package: "e",
    rooms: { host: { ...room, ...(lacks && { lacks }) } },
    top: { files: [] },
  };
  const sources = Object.entries(files).map(([path, text]) => ({ path: `e/src/host/${path}`, text }));
  return checkAnatomy(plan, sources).map(({ problem }) => problem);
}

const without = (part: string): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(whole).filter(([name]) => name !== part));

test("checkAnatomy() accepts a whole room, and one whose plan says why a part is missing", () => {
  expect(problems(whole)).toEqual([]);
  expect(problems(without("testing.ts"), { "testing.ts": "nobody stands on it" })).toEqual([]);
});

test.for(["README.md", "contract.ts", "conformance.ts", "testing.ts"])("checkAnatomy() misses %s", (part) => {
  expect(problems(without(part))).toEqual([`has no ${part}, and the plan gives no reason under "lacks"`]);
});

test("checkAnatomy() refuses an exception without a reason, and one that is over", () => {
  expect(problems(without("testing.ts"), { "testing.ts": " " })).toEqual([
    "lacks testing.ts for an empty reason",
  ]);
  expect(problems(whole, { "testing.ts": "not yet" })).toEqual([
    "has testing.ts, which the plan says it lacks",
  ]);
});

test("checkAnatomy() refuses a suite that no test runs", () => {
  const unrun = { ...whole, "linux/host.test.ts": 'import { suite } from "./conformance.ts";' };
  expect(problems(unrun)).toEqual(["no test of the room runs conformance.ts"]);
});

test("checkAnatomy() refuses a README that leaves a question open or takes more than a page", () => {
  expect(problems({ ...whole, "README.md": "# host\n" })).toEqual(
    ["its promise", "what it keeps on disk", "its lock order", "who calls it"].map(
      (what) => `README.md doesn't say ${what}`,
    ),
  );
  expect(problems({ ...whole, "README.md": README + "\n".repeat(60) })).toEqual([
    "README.md has 66 lines, more than a page of 60",
  ]);
});
