import { readFileSync } from "node:fs";
import { parse } from "yaml";

/** What the page needs of a route. */
export interface KnownRoute {
  readonly method: string;
  readonly path: string;
  readonly refuses?: string;
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly tag: string;
  readonly summary: string;
}

/** Operations of the Engine API's description, in its order. */
export function operationsOf(file: string): readonly Operation[] {
  const { paths } = parse(readFileSync(file, "utf8")) as {
    paths: Record<string, Record<string, { tags?: string[]; summary?: string }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags = [], summary = "" }]) => ({
      method: method.toUpperCase(),
      path,
      tag: tags[0] ?? "",
      summary,
    })),
  );
}

/** `/images/{name*}/json` and `/images/{name}/json` are the same place. */
const shapeOf = (method: string, path: string): string => `${method} ${path.replaceAll(/\{[^}]+\}/g, "{}")}`;

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
    "Made by `npm run docs` from the route table and the description of API 1.51. `yes`: served. `unsupported` and `unavailable`: known, always",
    "refused with a clear sentence (501, 503). `404`: not a path of this engine.",
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
      lines.push(`| ${row.method} ${row.path} | ${row.summary.trim()} | ${stateOf(row.route)} |`);
    lines.push("");
  }
  lines.push("## Beside that description", "", "| operation | |", "|---|---|");
  for (const route of own) lines.push(`| ${route.method} ${route.path} | ${stateOf(route)} |`);
  return `${lines.join("\n")}\n`;
}
