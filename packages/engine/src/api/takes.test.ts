import type { IncomingMessage, ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { allRoutes, type Rooms } from "./index.ts";
import { Call } from "./server/call.ts";
import type { Route } from "./server/router.ts";

/**
 * Each route is called with everything that it says it takes, on rooms that answer anything to anything: what it never asks for is
 * dropped without a word.
 */
const anything: unknown = new Proxy(() => anything, {
  get: (_, name) => {
    if (name === "then") return undefined;
    if (name === Symbol.iterator) return [][Symbol.iterator].bind([]);
    if (name === Symbol.asyncIterator) return async function* () {};
    if (name === Symbol.toPrimitive) return () => "1";
    return anything;
  },
  apply: () => anything,
});
const rooms = anything as Rooms;

/** A value of each key that none of its readers refuses. */
const VALUES: Readonly<Record<string, string>> = {
  condition: "next-exit",
  detachKeys: "",
  filters: "{}",
  fromImage: "",
  fromSrc: "-",
  limit: "1",
  changes: "",
  platform: "",
  platforms: "",
  scope: "local",
  type: "image",
  verbose: "1",
};

class Asked extends URLSearchParams {
  readonly names = new Set<string>();
  override get(name: string): string | null {
    this.names.add(name);
    return super.get(name);
  }
  override getAll(name: string): string[] {
    this.names.add(name);
    return super.getAll(name);
  }
}

/** Names of the query and headers that the route asks for when it is called with `values`. */
async function askedBy(route: Route, values: Readonly<Record<string, string>>): Promise<ReadonlySet<string>> {
  const query = new Asked(values);
  const headers = new Proxy<Record<string, string>>(
    {},
    {
      get: (_, name) => {
        query.names.add(String(name).toLowerCase());
        return name === "content-type" ? "application/json" : undefined;
      },
    },
  );
  const call = new Call({
    request: {
      headers,
      [Symbol.asyncIterator]: async function* () {
        yield Buffer.from('{"Image":"some"}');
      },
    } as unknown as IncomingMessage,
    response: {
      ...(anything as object),
      writeHead: () => {},
      end: () => {},
      write: () => true,
      flushHeaders: () => {},
    } as unknown as ServerResponse,
    parameters: { id: "some", name: "some" },
    query,
    minor: 51,
    signal: new AbortController().signal,
  });
  // It may well fail on such rooms: what counts is what it asked for.
  await (async () => route.handle(call))().catch(() => undefined);
  return query.names;
}

const routes = allRoutes(rooms).filter(({ refuses }) => refuses === undefined);

test.for(routes.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "%s asks for all that it takes",
  async ([, route]) => {
    const { query = [], headers = [] } = route.takes ?? {};
    const plain = Object.fromEntries(query.map((key) => [key, VALUES[key] ?? "1"]));
    // A pull and an import take different keys.
    const asked = new Set([
      ...(await askedBy(route, plain)),
      ...(query.includes("fromImage") ? await askedBy(route, { ...plain, fromImage: "some/image" }) : []),
    ]);
    expect(
      [...query, ...headers].filter((name) => !asked.has(name) && !asked.has(name.toLowerCase())),
    ).toEqual([]);
  },
);
