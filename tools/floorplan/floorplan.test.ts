import { describe, expect, test } from "vitest";
import { drawInto, drawPlan } from "./draw.ts";
import { edgesOf, type SourceFile } from "./edges.ts";
import { checkEngine } from "./engine-rules.ts";
import { checkPackage, packageRules } from "./package-rules.ts";
import { checkPlan, findCycle, type Plan } from "./plan.ts";

const plan: Plan = {
  package: "e",
  rooms: {
    kernel: { storey: 0, promise: "ground", imports: [], npm: [] },
    host: { storey: 1, promise: "linux", imports: ["kernel"], npm: ["koffi"] },
    layers: { storey: 2, promise: "layers", imports: ["kernel"], types: ["host"], npm: [] },
    api: { storey: 3, promise: "words", imports: ["kernel"], types: ["layers"], npm: [] },
  },
  top: { files: ["assembly.ts", "main.ts"] },
};

const file = (path: string, text: string): SourceFile => ({ path, text });
const problems = (...files: SourceFile[]): string[] =>
  checkEngine(plan, files).map((violation) => `${violation.path}:${violation.line} ${violation.problem}`);

describe("edgesOf()", () => {
  test("finds static, exported, dynamic and type-position imports with their lines", () => {
    const text = [
      'import { type A, b } from "one";',
      'import type { C } from "two";',
      'import { type D } from "three";',
      'export { e } from "four";',
      'export type { F } from "five";',
      'import "six";',
      'await import("seven");',
      'export type G = import("eight").H;',
    ].join("\n");
    expect(edgesOf(file("a.ts", text)).map((e) => [e.request, e.typeOnly, e.line])).toEqual([
      ["one", false, 1],
      ["two", true, 2],
      ["three", true, 3],
      ["six", false, 6],
      ["four", false, 4],
      ["five", true, 5],
      ["seven", false, 7],
      ["eight", true, 8],
    ]);
  });

  test("refuses a file that doesn't parse", () => {
    expect(() => edgesOf(file("a.ts", "import {"))).toThrow(/"a.ts" doesn't parse/);
  });
});

describe("checkEngine()", () => {
  test("accepts what the plan names", () => {
    expect(
      problems(
        file(
          "e/src/host/index.ts",
          'import { x } from "#kernel"; import k from "koffi"; import "node:fs"; import "./a.ts";',
        ),
        file("e/src/host/a.ts", ""),
        file("e/src/layers/index.ts", 'import type { M } from "#host";'),
        file("e/src/main.ts", 'import { a } from "#api"; import "./assembly.ts";'),
        file("e/src/assembly.ts", 'import { l } from "#layers";'),
      ),
    ).toEqual([]);
  });

  test("refuses a room that the plan doesn't name for this one", () => {
    expect(problems(file("e/src/kernel/index.ts", '\nimport { x } from "#host";'))).toEqual([
      'e/src/kernel/index.ts:2 room "kernel" may not import "#host" (see floorplan.json)',
    ]);
  });

  test("lets a host test alone open the rooms below and beside its own", () => {
    const text = 'import { x } from "#host";';
    expect(problems(file("e/src/api/a.host.test.ts", text))).toEqual([]);
    expect(problems(file("e/src/api/a.test.ts", text))).toEqual([
      'e/src/api/a.test.ts:1 room "api" may not import "#host" (see floorplan.json)',
    ]);
    expect(problems(file("e/src/host/a.host.test.ts", 'import { l } from "#layers";'))).toEqual([
      'e/src/host/a.host.test.ts:1 room "host" may not import "#layers" (see floorplan.json)',
    ]);
  });

  test("refuses a value over a type-only edge, also dynamically", () => {
    const wanted = 'room "layers" may import only types of "#host"';
    expect(problems(file("e/src/layers/index.ts", 'import { x } from "#host";'))[0]).toContain(wanted);
    expect(problems(file("e/src/layers/index.ts", 'await import("#host");'))[0]).toContain(wanted);
    expect(problems(file("e/src/layers/index.ts", 'export * from "#host";'))[0]).toContain(wanted);
  });

  test("refuses a relative import across rooms and into a room from the top", () => {
    expect(problems(file("e/src/layers/a.ts", 'import "../host/index.ts";'))[0]).toContain("leaves the room");
    expect(problems(file("e/src/main.ts", 'import "./host/index.ts";'))[0]).toContain('as "#room"');
  });

  test("refuses a sub-room by name", () => {
    expect(problems(file("e/src/layers/a.ts", 'import "#kernel/locks";'))[0]).toContain(
      "sub-rooms are private",
    );
  });

  test("refuses an npm package outside the room's list", () => {
    expect(problems(file("e/src/layers/a.ts", 'import koffi from "koffi";'))[0]).toContain(
      'may not import the npm package "koffi"',
    );
    expect(problems(file("e/src/layers/a.ts", 'import { test } from "vitest";'))).toHaveLength(1);
    expect(problems(file("e/src/layers/a.test.ts", 'import { test } from "vitest";'))).toEqual([]);
  });

  test("refuses a fake outside of tests", () => {
    expect(problems(file("e/src/layers/a.ts", 'import "#testing/kernel";'))[0]).toContain("is a fake");
    expect(problems(file("e/src/layers/a.host.test.ts", 'import "#testing/kernel";'))).toEqual([]);
  });

  test("refuses a folder and a top file without a place in the plan, and a file that isn't there", () => {
    expect(problems(file("e/src/attic/index.ts", ""))[0]).toContain('folder "attic" is no room');
    expect(problems(file("e/src/extra.ts", ""))[0]).toContain("top files");
    expect(problems(file("e/src/host/a.ts", 'import "./gone.ts";'))[0]).toContain("names no file");
  });

  test("refuses files that import in a cycle, but not by types", () => {
    const a = (how: string): SourceFile => file("e/src/host/a.ts", `import ${how} { b } from "./b.ts";`);
    const b = file("e/src/host/b.ts", 'import { a } from "./a.ts";');
    expect(problems(a(""), b)[0]).toContain("cycle: e/src/host/a.ts -> e/src/host/b.ts -> e/src/host/a.ts");
    expect(problems(a("type"), b)).toEqual([]);
  });
});

describe("checkPlan()", () => {
  const withRoom = (name: string, imports: string[], storey = 1): Plan => ({
    ...plan,
    rooms: { ...plan.rooms, [name]: { storey, promise: "", imports, npm: [] } },
  });

  test("refuses unknown rooms, edges upwards and cycles", () => {
    const said = (p: Plan): string[] => checkPlan(p, "plan").map((v) => v.problem);
    expect(said(plan)).toEqual([]);
    expect(said(withRoom("dns", ["attic"]))[0]).toContain('unknown room "attic"');
    expect(said(withRoom("dns", ["api"]))[0]).toContain("may not look up");
    expect(said(withRoom("kernel", ["host"], 1))[0]).toContain("cycle: kernel -> host -> kernel");
  });

  test("findCycle() answers undefined for a graph without one", () => {
    expect(
      findCycle(
        new Map([
          ["a", ["b", "c"]],
          ["b", ["c"]],
          ["c", []],
        ]),
      ),
    ).toBeUndefined();
  });
});

describe("checkPackage()", () => {
  const check = (path: string, text: string): string[] =>
    packageRules.flatMap((rule) => checkPackage(rule, [file(path, text)])).map((v) => v.problem);

  test("refuses node and electron in the renderer", () => {
    expect(check("apps/renderer/src/a.ts", 'import "node:fs";')).toHaveLength(1);
    expect(check("apps/renderer/src/a.ts", 'import "fs";')).toHaveLength(1);
    expect(check("apps/renderer/src/a.ts", 'import { ipcRenderer } from "electron";')).toHaveLength(1);
    expect(check("apps/renderer/src/a.ts", 'import { create } from "zustand";')).toEqual([]);
  });

  test("refuses a path that leaves its package", () => {
    expect(check("apps/renderer/src/a.ts", 'import "../../main/src/index.ts";')[0]).toContain("leaves");
  });

  test("refuses any import in protocol and a Docker word in ui", () => {
    expect(check("packages/protocol/src/a.ts", 'import "undici";')).toHaveLength(1);
    expect(check("packages/protocol/src/a.ts", 'import "node:buffer";')).toHaveLength(1);
    expect(check("packages/ui/src/a.tsx", "\n// for Docker")[0]).toContain('holds the word "Docker"');
  });

  test("refuses the engine in client and main", () => {
    expect(check("packages/client/src/a.ts", 'import "@longshore/engine";')).toHaveLength(1);
    expect(check("apps/main/src/a.ts", 'import "@longshore/engine";')).toHaveLength(1);
  });
});

describe("drawInto()", () => {
  test("replaces only what stands between the markers, and is stable", () => {
    const page =
      "before\n<!-- floorplan:begin (drawn by `npm run docs`, don't edit) -->\nold\n<!-- floorplan:end -->\nafter\n";
    const drawn = drawInto(page, plan);
    expect(drawn).toContain(drawPlan(plan));
    expect(drawn.startsWith("before\n")).toBe(true);
    expect(drawn.endsWith("<!-- floorplan:end -->\nafter\n")).toBe(true);
    expect(drawn).not.toContain("old");
    expect(drawInto(drawn, plan)).toBe(drawn);
  });

  test("refuses a page without markers", () => {
    expect(() => drawInto("nothing here", plan)).toThrow(/lacks the lines/);
  });
});
