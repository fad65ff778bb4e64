import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { fitState, readWindowState, writeWindowState } from "./window-state.ts";

const display = { x: 0, y: 0, width: 1920, height: 1080 };
const first = { bounds: { width: 1180, height: 760 }, isMaximized: false };

test("a window comes back where it was", () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-window-state-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "window.json");
  const state = { bounds: { x: 200, y: 100, width: 900, height: 700 }, isMaximized: true };
  writeWindowState(path, state);
  expect(readWindowState(path, [display])).toEqual(state);
  writeFileSync(path, "{ broken");
  expect(readWindowState(path, [display])).toEqual(first);
  expect(readWindowState(join(folder, "none.json"), [display])).toEqual(first);
});

test.each([
  [
    { x: 4000, y: 100, width: 900, height: 700 },
    { width: 900, height: 700 },
  ],
  [
    { x: 100, y: -900, width: 900, height: 700 },
    { width: 900, height: 700 },
  ],
  [
    { x: 1880, y: 100, width: 900, height: 700 },
    { width: 900, height: 700 },
  ],
  [
    { x: -800, y: 100, width: 900, height: 700 },
    { x: -800, y: 100, width: 900, height: 700 },
  ],
  [
    { x: 0, y: 0, width: 10, height: 10 },
    { x: 0, y: 0, width: 640, height: 600 },
  ],
])("fitState() puts %j to %j", (bounds, wanted) => {
  expect(fitState({ bounds }, [display]).bounds).toEqual(wanted);
});

test("fitState() takes nothing that is no size", () => {
  for (const value of [null, {}, { bounds: { width: "wide" } }, { bounds: { width: Number.NaN, height: 1 } }])
    expect(fitState(value, [display])).toEqual(first);
});
