import { posix } from "node:path";
import { type Edge, edgesOf, packageOf, type SourceFile } from "./edges.ts";
import { findCycle, type Plan, type Violation } from "./plan.ts";

const testFile = /(\.test\.ts|[/-]conformance\.ts|\/testing\.ts)$/;
const hostTest = /\.host\.test\.ts$/;
/** What tests, suites and fakes may use on top of their room's list. */
const testPackages: ReadonlySet<string> = new Set(["vitest", "fast-check", "@longshore/testkit"]);

/** Checks every import of the engine's files against the plan. Pure: files come in, violations go out. */
export function checkEngine(plan: Plan, files: readonly SourceFile[]): readonly Violation[] {
  const source = `${plan.package}/src`;
  const known = new Set(files.map((file) => file.path));
  const found: Violation[] = [];
  const graph = new Map<string, string[]>();
  for (const file of files) {
    const inside = posix.relative(source, file.path);
    const room = inside.includes("/") ? (inside.split("/")[0] ?? "") : undefined;
    if (room !== undefined && !plan.rooms[room]) {
      found.push({ path: file.path, line: 1, problem: `folder "${room}" is no room of the plan` });
      continue;
    }
    if (room === undefined && !plan.top.files.includes(inside.replace(/\.test\.ts$/, ".ts"))) {
      found.push({ path: file.path, line: 1, problem: `"${inside}" is not one of the plan's top files` });
      continue;
    }
    const targets: string[] = [];
    for (const edge of edgesOf(file)) {
      const problem =
        edge.request.startsWith(".") || edge.request.startsWith("/")
          ? relativeProblem(source, file, room, edge, known)
          : namedProblem(plan, file, room, edge);
      if (problem) found.push({ path: file.path, line: edge.line, problem });
      if (edge.request.startsWith(".") && !edge.typeOnly)
        targets.push(posix.join(posix.dirname(file.path), edge.request));
    }
    graph.set(file.path, targets);
  }
  const cycle = findCycle(graph);
  if (cycle)
    found.push({
      path: cycle[0] ?? source,
      line: 1,
      problem: `files import in a cycle: ${cycle.join(" -> ")}`,
    });
  return found;
}

function relativeProblem(
  source: string,
  file: SourceFile,
  room: string | undefined,
  edge: Edge,
  known: ReadonlySet<string>,
): string | undefined {
  const target = posix.join(posix.dirname(file.path), edge.request);
  const inside = posix.relative(source, target);
  if (room === undefined)
    return inside.includes("/") ? `import a room as "#room", not by the path "${edge.request}"` : undefined;
  if (!inside.startsWith(`${room}/`))
    return `"${edge.request}" leaves the room "${room}"; import another room as "#room"`;
  if (!edge.request.endsWith(".json") && !known.has(target)) return `"${edge.request}" names no file`;
  return undefined;
}

function namedProblem(
  plan: Plan,
  file: SourceFile,
  room: string | undefined,
  edge: Edge,
): string | undefined {
  const { request } = edge;
  const rules = room === undefined ? undefined : plan.rooms[room];
  const isTest = testFile.test(file.path);
  if (request.startsWith("node:")) return undefined;
  if (request.startsWith("#testing/"))
    return isTest ? undefined : `"${request}" is a fake: only tests, suites and fakes may import it`;
  if (request.startsWith("#")) {
    const target = request.slice(1);
    if (!plan.rooms[target]) return `"${request}" is no room; sub-rooms are private`;
    if (!rules) return undefined;
    if (target === room) return `a room imports its own files by path, not "${request}"`;
    if (rules.imports.includes(target)) return undefined;
    if (rules.types?.includes(target))
      return edge.typeOnly ? undefined : `room "${room}" may import only types of "${request}"`;
    // A host test stands in for the assembly: it may open the rooms below and beside it.
    if (hostTest.test(file.path) && (plan.rooms[target]?.storey ?? 99) <= rules.storey) return undefined;
    return `room "${room}" may not import "${request}" (see floorplan.json)`;
  }
  const name = packageOf(request);
  if (!rules || rules.npm.includes(name)) return undefined;
  if (isTest && testPackages.has(name)) return undefined;
  return `room "${room}" may not import the npm package "${name}"`;
}
