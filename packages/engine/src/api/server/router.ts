import { type ErrorKind, LongshoreError } from "#kernel";
import type { Shape } from "../wire/shape.ts";
import type { UnmetField } from "../wire/unmet.ts";
import type { Call } from "./call.ts";
import { flag } from "./query.ts";

export const MAX_MINOR = 51;
export const MIN_MINOR = 24;

/** Routes are data: method, path with `{name}` (one segment) or `{name*}` (slashes too), first API minor, handler. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  readonly path: string;
  readonly minMinor?: number;
  readonly takes?: Takes;
  /** What it always answers: the path is known so that clients get a clear sentence, the function is not there. */
  readonly refuses?: Extract<ErrorKind, "unsupported" | "unavailable">;
  readonly handle: (call: Call) => Promise<void>;
}

/** What a request to a route may carry, beside its path. A description's key, header or field that is in none of these is a fault of the route. */
export interface Takes {
  /** Keys of the query that it follows. */
  readonly query?: readonly string[];
  /** Headers that it follows. */
  readonly headers?: readonly string[];
  /** Fields of a JSON body that it follows. */
  readonly body?: Shape<unknown>;
  /** A body that is no JSON: an archive. */
  readonly hasRawBody?: boolean;
  /** Fields of the body that it answers with a warning or a refusal. */
  readonly unmet?: readonly UnmetField[];
  /** Keys of the query that it refuses with 400 and this sentence when they ask for something. */
  readonly refusedQuery?: Readonly<Record<string, string>>;
  /** Keys, headers and fields that rightly change nothing here, and why. */
  readonly inert?: Readonly<Record<string, string>>;
}

interface Compiled {
  readonly route: Route;
  readonly pattern: RegExp;
}

export class Router {
  /** By method and first segment, as each path names it; in the order given. */
  readonly #routes = new Map<string, Compiled[]>();

  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const key = keyOf(route.method, route.path);
      const compiled = { route, pattern: compile(route.path) };
      const there = this.#routes.get(key);
      if (there === undefined) this.#routes.set(key, [compiled]);
      else there.push(compiled);
    }
  }

  /** Finds the handler; throws `not_found` `page not found` for unknown paths and wrong methods alike, `invalid` for versions out of range. */
  match(
    method: string,
    url: string,
  ): { route: Route; parameters: Readonly<Record<string, string>>; query: URLSearchParams; minor: number } {
    const [rawPath, search] = splitOnce(url, "?");
    const { path, minor } = takeVersion(rawPath);
    for (const { route, pattern } of this.#routes.get(keyOf(method, path)) ?? []) {
      if ((route.minMinor ?? 0) > minor) continue;
      const match = pattern.exec(path);
      if (match === null) continue;
      const query = new URLSearchParams(search);
      const parameters = decodeAll(match.groups ?? {});
      refuseNullBytes([...query, ...Object.entries(parameters)]);
      for (const [key, sentence] of Object.entries(route.takes?.refusedQuery ?? {}))
        if (flag(query, key)) throw new LongshoreError("invalid", sentence);
      return { route, parameters, query, minor };
    }
    throw new LongshoreError("not_found", "page not found");
  }
}

/** No name, path or argument of Linux can hold one. */
function refuseNullBytes(values: readonly (readonly [name: string, value: string])[]): void {
  for (const [name, value] of values)
    if (value.includes("\0"))
      throw new LongshoreError("invalid", `invalid value for ${JSON.stringify(name)}: it holds a null byte`);
}

/** No path begins with a parameter. */
function keyOf(method: string, path: string): string {
  const end = path.indexOf("/", 1);
  return `${method} ${end < 0 ? path : path.slice(0, end)}`;
}

function compile(path: string): RegExp {
  const source = path.replaceAll(
    /\{(\w+)(\*?)\}/g,
    (_, name: string, star: string) => `(?<${name}>${star === "" ? "[^/]+" : ".+"})`,
  );
  return new RegExp(`^${source}$`);
}

function takeVersion(path: string): { path: string; minor: number } {
  const match = /^\/v(\d{1,3})\.(\d{1,3})(\/.*)$/.exec(path);
  if (match === null) return { path, minor: MAX_MINOR };
  const [, major = "1", minorText = "0", rest = "/"] = match;
  const minor = Number(minorText);
  const wanted = `${major}.${minorText}`;
  if (Number(major) > 1 || minor > MAX_MINOR)
    throw new LongshoreError(
      "invalid",
      `client version ${wanted} is too new. Maximum supported API version is 1.${MAX_MINOR}`,
    );
  if (Number(major) < 1 || minor < MIN_MINOR)
    throw new LongshoreError(
      "invalid",
      `client version ${wanted} is too old. Minimum supported API version is 1.${MIN_MINOR}, please upgrade your client to a newer version`,
    );
  return { path: rest, minor };
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function decodeAll(groups: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  try {
    return Object.fromEntries(
      Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
  } catch (error) {
    throw new LongshoreError("invalid", "invalid URL escape in path", { cause: error });
  }
}
