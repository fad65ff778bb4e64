import { posix } from "node:path";
import { edgesOf, type SourceFile } from "./edges.ts";
import type { Plan, Room, Violation } from "./plan.ts";

/** What every room has at its door; `lacks` in the plan says why one of them is not there. */
const PARTS = ["README.md", "contract.ts", "conformance.ts", "testing.ts"] as const;
type RoomPart = (typeof PARTS)[number];

/** What a README answers, and the words that show it. */
const ANSWERS: readonly (readonly [what: string, words: RegExp])[] = [
  ["its promise", /^Promise:/m],
  ["what it keeps on disk", /on disk|in the store/i],
  ["its lock order", /\block/i],
  ["who calls it", /\bcallers?\b|\bcalled by\b/i],
];
const PAGE_LINES = 60;

/** Checks that each room has README, contract, suite and fake, that a test runs the suite, and that no exception outlives its reason. */
export function checkAnatomy(plan: Plan, files: readonly SourceFile[]): readonly Violation[] {
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  return Object.entries(plan.rooms).flatMap(([name, room]) => {
    const folder = `${plan.package}/src/${name}`;
    const suite = `${folder}/conformance.ts`;
    const problems = PARTS.flatMap((part) => partProblem(room, part, texts.has(`${folder}/${part}`)) ?? []);
    const readme = texts.get(`${folder}/README.md`);
    if (readme !== undefined) problems.push(...readmeProblems(readme));
    const tests = files.filter(({ path }) => path.startsWith(`${folder}/`) && path.endsWith(".test.ts"));
    if (texts.has(suite) && !tests.some((test) => runs(test, suite)))
      problems.push("no test of the room runs conformance.ts");
    return problems.map((problem) => ({ path: folder, line: 1, problem }));
  });
}

function partProblem(room: Room, part: RoomPart, isThere: boolean): string | undefined {
  const reason = room.lacks?.[part];
  if (isThere) return reason === undefined ? undefined : `has ${part}, which the plan says it lacks`;
  if (reason === undefined) return `has no ${part}, and the plan gives no reason under "lacks"`;
  return reason.trim() === "" ? `lacks ${part} for an empty reason` : undefined;
}

function readmeProblems(text: string): string[] {
  const lines = text.split("\n").length;
  return [
    ...ANSWERS.filter(([, words]) => !words.test(text)).map(([what]) => `README.md doesn't say ${what}`),
    ...(lines > PAGE_LINES ? [`README.md has ${lines} lines, more than a page of ${PAGE_LINES}`] : []),
  ];
}

function runs(test: SourceFile, suite: string): boolean {
  return edgesOf(test).some(
    ({ request }) => request.startsWith(".") && posix.join(posix.dirname(test.path), request) === suite,
  );
}
