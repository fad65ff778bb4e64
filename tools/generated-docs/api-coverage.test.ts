import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync, Visitor } from "oxc-parser";
import { allRoutes, fieldsOf, type Rooms, type Takes } from "@longshore/engine/api";
import { expect, test } from "vitest";
import { coverageOf, silences } from "./api-coverage.ts";
import { readOperations } from "./api-description.ts";

const root = join(import.meta.dirname, "../..");
const operations = readOperations(
  ["v1.51", "v1.41"].map((name) => join(root, `e2e/compat/engine-api/${name}.yaml`)),
);
const routes = allRoutes(new Proxy({}, { get: () => ({}) }) as Rooms);

test("every operation of API 1.41 and 1.51 has a route, and none of its keys, headers and fields is dropped", () => {
  expect(operations.length).toBeGreaterThan(100);
  expect(silences(routes, operations)).toEqual([]);
});

const create = operations.find(({ path }) => path === "/containers/create");
const createRoute = routes.find(({ path }) => path === "/containers/create");

test("a key, a field or an operation that nobody takes is told", () => {
  if (create === undefined || createRoute === undefined) throw new Error("there is no create");
  const { takes = {} } = createRoute;
  const told = (other: Takes): readonly string[] => silences([{ ...createRoute, takes: other }], [create]);
  expect(told({ ...takes, query: ["name"] })).toEqual(["POST /containers/create: platform"]);
  expect(told({ ...takes, unmet: [] })).toContain("POST /containers/create: .HostConfig.KernelMemory");
  expect(told({})).toContain("POST /containers/create: .HostConfig.Memory");
  expect(silences([], [create])).toEqual(["POST /containers/create: no route"]);
});

test("what is inside of a refused or taken whole is answered with it", () => {
  if (create === undefined || createRoute === undefined) throw new Error("there is no create");
  const { refused, followed, warned } = coverageOf(create, createRoute);
  expect(refused).toContain(".HostConfig.Mounts.ImageOptions.Subpath");
  expect(warned).toContain(".HostConfig.KernelMemory");
  expect(followed).toContain(".HostConfig.Mounts.VolumeOptions.Subpath");
});

/** Where fields are only named, kept or told again: parsers, types, inspect. */
const NAMING =
  /(wire\/container-settings|containers\/settings|wire\/container-inspect|contract|testing|\.test)\.ts$/;

/** Names of members that some room reads, by `a.name` or `{ name } = a`. */
function membersRead(): ReadonlySet<string> {
  const source = join(root, "packages/engine/src");
  const names = new Set<string>();
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || NAMING.test(file)) continue;
    new Visitor({
      MemberExpression({ property, computed }) {
        if (!computed && property.type === "Identifier") names.add(property.name);
      },
      ObjectPattern({ properties }) {
        for (const one of properties)
          if (one.type === "Property" && one.key.type === "Identifier") names.add(one.key.name);
      },
    }).visit(parseSync(file, readFileSync(join(source, file), "utf8")).program);
  }
  return names;
}

test("every field that a route takes is read by a room, not only kept", () => {
  const read = membersRead();
  expect(read).toContain("CpuQuota");
  const unread = routes.flatMap(({ method, path, takes }) => {
    const fields = fieldsOf(takes?.body ?? (() => undefined));
    const answered = new Set([
      ...Object.keys(takes?.inert ?? {}),
      ...(takes?.unmet ?? []).map(({ field }) => field.replaceAll(".*", "")),
    ]);
    return fields
      .filter((field) => !answered.has(field) && !fields.some((other) => other.startsWith(`${field}.`)))
      .filter((field) => !read.has(field.split(".").at(-1) ?? ""))
      .map((field) => `${method} ${path}: ${field}`);
  });
  expect(unread).toEqual([]);
});
