import { fieldsOf, type Takes } from "@longshore/engine/api";
import type { Operation } from "./api-description.ts";

/** What the page needs of a route. */
export interface KnownRoute {
  readonly method: string;
  readonly path: string;
  readonly refuses?: string;
  readonly takes?: Takes;
}

/** What becomes of everything that a request may carry. Fields begin with a dot. */
export interface Coverage {
  readonly followed: readonly string[];
  readonly warned: readonly string[];
  readonly refused: readonly string[];
  /** Without an effect, and why. */
  readonly inert: readonly (readonly [name: string, why: string])[];
  /** Dropped without a word: a fault. */
  readonly silent: readonly string[];
}

/** A field of a body as the page writes it: `.HostConfig.Memory`; keys of the query and headers stand bare. */
const asField = (field: string): string => `.${field.replaceAll(".*", "")}`;

export function coverageOf(operation: Operation, route: KnownRoute): Coverage {
  const { query, headers, fields, hasRawBody } = operation;
  const names = [...query, ...headers, ...fields.map(asField), ...(hasRawBody ? ["body"] : [])];
  const { takes = {}, refuses } = route;
  if (refuses !== undefined) return { followed: [], warned: [], refused: names, inert: [], silent: [] };
  const unmet = new Map((takes.unmet ?? []).map(({ field, answer }) => [asField(field), answer]));
  const inert = new Map(
    Object.entries(takes.inert ?? {}).map(([name, why]) => [
      fields.includes(name) ? asField(name) : name,
      why,
    ]),
  );
  const followed = new Set([
    ...(takes.query ?? []),
    ...(takes.headers ?? []),
    ...fieldsOf(takes.body ?? (() => undefined)).map(asField),
    ...(takes.hasRawBody === true ? ["body"] : []),
  ]);
  const parents = new Set([...followed].map((name) => name.slice(0, name.lastIndexOf("."))));
  const found = { followed: [], warned: [], refused: [], inert: [], silent: [] } as {
    -readonly [K in keyof Coverage]: K extends "inert" ? [string, string][] : string[];
  };
  for (const name of names) {
    // A field that is taken, refused or inert as a whole covers what is inside.
    const whole = ancestorsOf(name).find(
      (one) => unmet.has(one) || inert.has(one) || (followed.has(one) && !parents.has(one)),
    );
    const answer = unmet.get(whole ?? name);
    const why = inert.get(whole ?? name);
    if (answer !== undefined) found[answer].push(name);
    else if (why !== undefined) found.inert.push([name, why]);
    else if (takes.refusedQuery?.[name] !== undefined) found.refused.push(name);
    else if (followed.has(name) || whole !== undefined) found.followed.push(name);
    else found.silent.push(name);
  }
  return found;
}

/** `.a.b.c` itself, then `.a`, `.a.b`. */
function ancestorsOf(name: string): readonly string[] {
  const parts = name.split(".");
  return [name, ...parts.slice(1, -1).map((_, at) => parts.slice(0, at + 2).join("."))];
}

/** `/images/{name*}/json` and `/images/{name}/json` are the same place. */
export const shapeOf = (method: string, path: string): string =>
  `${method} ${path.replaceAll(/\{[^}]+\}/g, "{}")}`;

/** What the routes drop without a word, one line each, and operations that no route has. */
export function silences(routes: readonly KnownRoute[], operations: readonly Operation[]): readonly string[] {
  const known = new Map(routes.map((route) => [shapeOf(route.method, route.path), route]));
  return operations.flatMap((operation) => {
    const route = known.get(shapeOf(operation.method, operation.path));
    const name = `${operation.method} ${operation.path}`;
    if (route === undefined) return [`${name}: no route`];
    return coverageOf(operation, route).silent.map((what) => `${name}: ${what}`);
  });
}
