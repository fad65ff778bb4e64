import { coverageOf, type Coverage, type KnownRoute, shapeOf } from "./api-coverage.ts";
import type { Operation } from "./api-description.ts";

/** The coverage of the Docker Engine API, and Longshore's own endpoints, as a Markdown page. */
export function apiPage(routes: readonly KnownRoute[], operations: readonly Operation[]): string {
  const known = new Map(routes.map((route) => [shapeOf(route.method, route.path), route]));
  const rows = operations.map((operation) => ({
    ...operation,
    route: known.get(shapeOf(operation.method, operation.path)),
  }));
  const described = new Set(operations.map(({ method, path }) => shapeOf(method, path)));
  const own = routes.filter(({ method, path }) => !described.has(shapeOf(method, path)));
  const stateOf = (route: KnownRoute | undefined): string =>
    route === undefined ? "404" : (route.refuses ?? "yes");
  const tags = [...new Set(rows.map((row) => row.tag))];
  const count = (tag: string, state: (row: string) => boolean): number =>
    rows.filter((row) => row.tag === tag && state(stateOf(row.route))).length;
  const lines = [
    "# The Docker Engine API on this engine",
    "",
    "Made by `npm run docs` from the route table and the descriptions of API 1.41 and 1.51. `yes`: served. `unsupported` and `unavailable`:",
    "known, always refused with a clear sentence (501, 503). `404`: not a path of this engine.",
    "",
    "| area | operations | served | refused | 404 |",
    "|---|---|---|---|---|",
    ...tags.map(
      (tag) =>
        `| ${tag} | ${count(tag, () => true)} | ${count(tag, (state) => state === "yes")} | ${count(tag, (state) => state.startsWith("un"))} | ${count(tag, (state) => state === "404")} |`,
    ),
    "",
  ];
  for (const tag of tags) {
    lines.push(`## ${tag}`, "", "| operation | | |", "|---|---|---|");
    for (const row of rows.filter((candidate) => candidate.tag === tag))
      lines.push(`| ${row.method} ${row.path} | ${row.summary} | ${stateOf(row.route)} |`);
    lines.push("");
  }
  lines.push("## Beside that description", "", "| operation | |", "|---|---|");
  for (const route of own) lines.push(`| ${route.method} ${route.path} | ${stateOf(route)} |`);
  lines.push(
    "",
    "## What a request may carry",
    "",
    "Keys of the query and headers stand bare; fields of a JSON body begin with a dot, lists and maps add nothing to a name. Nothing that the",
    "descriptions name is dropped without a word: a test holds the routes against them.",
    "",
  );
  for (const { route, ...operation } of rows)
    if (route !== undefined && route.refuses === undefined)
      lines.push(...requestOf(operation, coverageOf(operation, route)));
  return `${lines.join("\n")}\n`;
}

function requestOf(operation: Operation, coverage: Coverage): readonly string[] {
  const { followed, warned, refused, inert, silent } = coverage;
  const reasons = Map.groupBy(inert, ([, why]) => why);
  const lines = [
    ...line("followed", followed),
    ...line("left out with a warning", warned),
    ...line("refused where it asks for something", refused),
    ...[...reasons].flatMap(([why, names]) =>
      line(
        `without an effect (${why})`,
        names.map(([name]) => name),
      ),
    ),
    ...line("DROPPED", silent),
  ];
  return lines.length === 0 ? [] : [`### ${operation.method} ${operation.path}`, "", ...lines, ""];
}

const line = (what: string, names: readonly string[]): readonly string[] =>
  names.length === 0 ? [] : [`- ${what}: ${names.map((name) => `\`${name}\``).join(" ")}`];
