import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { openEngine, type EngineUnderTest } from "../journeys/engine-under-test.ts";
import { openQuietWindow } from "../journeys/quiet-window.ts";
import { openWindowPlace, type WindowPlace } from "../journeys/window-under-test.ts";
import { scrollFrames, type Frames } from "./frames.ts";

const STARTS = 5;
const RUNNING = 50;
const MANY = 1000;
const LOG_LINES = 100_000;
const SETTLE_MS = 10_000;
const IDLE_MS = 20_000;

interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The budget of the plan; nobody fails on it here, the machine may be busy. */
  readonly budget?: number;
}

/** Measures the window with the real engine and prints what was measured beside what was promised. */
async function run(): Promise<void> {
  await using place = await openWindowPlace();
  await using engine = await openEngine();
  const measures: Measure[] = [];
  const idle = ["sleep", "3600"];
  await inBatches(RUNNING, (at) => engine.run(`busy-${at}`, idle));
  measures.push(...(await starts(place, engine)));
  measures.push(...(await idleCost(place, engine)));
  const app = await place.launch([`--socket=${engine.socketPath}`]);
  try {
    const page = await app.firstWindow();
    await page.locator("[role=row][data-id]").first().waitFor();
    measures.push(...(await logs(page, engine)));
    measures.push(...(await manyRows(page, engine)));
  } finally {
    await app.close();
  }
  report(measures);
}

async function starts(place: WindowPlace, engine: EngineUnderTest): Promise<readonly Measure[]> {
  const paints: number[] = [];
  const lists: number[] = [];
  let kib = 0;
  for (let start = 0; start < STARTS; start++) {
    const startedAt = Date.now();
    const app = await place.launch([`--socket=${engine.socketPath}`]);
    try {
      const page = await app.firstWindow();
      const at = await page.evaluate(async (rows) => {
        const now = (): number => performance.timeOrigin + performance.now();
        while (document.querySelectorAll("[role=row][data-id]").length < rows)
          await new Promise((done) => requestAnimationFrame(done));
        const list = now();
        const painted = (): number | undefined =>
          performance.getEntriesByName("first-contentful-paint")[0]?.startTime;
        // A paint is told a while after it happened.
        while (painted() === undefined) await new Promise((done) => requestAnimationFrame(done));
        const paint = painted() ?? 0;
        const scripts = performance
          .getEntriesByType("resource")
          .map((entry) => new URL(entry.name).pathname)
          .filter((path) => path.endsWith(".js"));
        const html = [...document.querySelectorAll<HTMLScriptElement>("script[src]")].map(
          (script) => new URL(script.src).pathname,
        );
        return { list, paint: performance.timeOrigin + paint, scripts: [...new Set([...html, ...scripts])] };
      }, 10);
      paints.push(at.paint - startedAt);
      lists.push(at.list - startedAt);
      kib = at.scripts.reduce(
        (sum, path) =>
          sum + gzipSync(readFileSync(join(place.appFolder, "web", path)), { level: 9 }).length / 1024,
        0,
      );
    } finally {
      await app.close();
    }
  }
  return [
    { name: "launch to first paint (median of 5)", value: median(paints), unit: "ms", budget: 600 },
    {
      name: `launch to list of ${RUNNING} containers (median of 5)`,
      value: median(lists),
      unit: "ms",
      budget: 1500,
    },
    { name: "JavaScript of the first screen, gzip", value: kib, unit: "KiB", budget: 250 },
  ];
}

/** What the window costs while nobody touches it and fifty containers run, seen and hidden. */
async function idleCost(place: WindowPlace, engine: EngineUnderTest): Promise<readonly Measure[]> {
  await using quiet = await openQuietWindow(place, [`--socket=${engine.socketPath}`]);
  await sleep(SETTLE_MS);
  const pids = await quiet.ask<readonly number[]>("electron.app.getAppMetrics().map((one) => one.pid)");
  const seen = await idleShare(pids);
  const seenPss = pssMib(pids);
  await quiet.ask("electron.BrowserWindow.getAllWindows()[0].hide()");
  await sleep(SETTLE_MS);
  const hidden = await idleShare(pids);
  return [
    { name: "memory of all its processes (PSS)", value: seenPss, unit: "MiB", budget: 260 },
    { name: "idle CPU, share of a core", value: seen, unit: "%", budget: 0.5 },
    { name: "memory of all its processes, hidden (PSS)", value: pssMib(pids), unit: "MiB", budget: 130 },
    { name: "idle CPU, hidden, share of a core", value: hidden, unit: "%", budget: 0.1 },
  ];
}

/** Percent of one core that the processes take together while nothing is done. */
async function idleShare(pids: readonly number[]): Promise<number> {
  const total = (): number => pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
  const before = total();
  await sleep(IDLE_MS);
  return ((total() - before) / IDLE_MS) * 100;
}

async function logs(page: Page, engine: EngineUnderTest): Promise<readonly Measure[]> {
  const id = await engine.run("chatty", ["sh", "-c", `sleep 2; seq 1 ${LOG_LINES}; exec sleep 3600`]);
  await page.evaluate((hash) => void (window.location.hash = hash), `#/containers/${id}/logs`);
  const startedAt = Date.now();
  await page.getByText(`${LOG_LINES} lines`).waitFor({ timeout: 120_000 });
  const took = Date.now() - startedAt - 2_000;
  const frames = await scrollFrames(page, "[role=log]");
  const find = page.getByRole("searchbox", { name: "Find in the log" });
  const found = await find.evaluate(async (input: HTMLInputElement) => {
    const from = performance.now();
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(input, "77777");
    input.dispatchEvent(new Event("input", { bubbles: true }));
    while (!/match/.test(document.querySelector(".log-count")?.textContent ?? ""))
      await new Promise((done) => requestAnimationFrame(done));
    return performance.now() - from;
  });
  await find.fill("");
  return [
    { name: `${LOG_LINES} log lines, container to screen`, value: took, unit: "ms", budget: LOG_LINES / 50 },
    ...frameMeasures(`scrolling ${LOG_LINES} log lines`, frames),
    { name: `find in ${LOG_LINES} lines`, value: found, unit: "ms", budget: 100 },
  ];
}

async function manyRows(page: Page, engine: EngineUnderTest): Promise<readonly Measure[]> {
  await inBatches(MANY - RUNNING, async (at) => {
    const { id } = await engine.docker.createContainer({
      name: `many-${at}`,
      Image: "journey:1",
      Cmd: ["true"],
      Labels: { "longshore.journey": "1" },
    });
    return id;
  });
  await page.evaluate(() => void (window.location.hash = "#/containers"));
  await page.locator(`[role=treegrid][aria-rowcount="${MANY + 2}"]`).waitFor({ timeout: 60_000 });
  const frames = await scrollFrames(page, "[role=treegrid]");
  const rows = await page.locator("[role=row][data-id]").count();
  return [
    ...frameMeasures(`scrolling ${MANY} containers`, frames),
    { name: `rows in the page of ${MANY}`, value: rows, unit: "rows", budget: 60 },
  ];
}

function frameMeasures(what: string, frames: Frames): readonly Measure[] {
  return [
    { name: `${what}, 95th frame`, value: frames.p95, unit: "ms", budget: 16.7 },
    { name: `${what}, main thread's CPU a frame`, value: frames.cpuMs, unit: "ms" },
    { name: `${what}, frames above 33 ms`, value: frames.slowShare * 100, unit: "%", budget: 1 },
  ];
}

async function inBatches(count: number, make: (at: number) => Promise<string>): Promise<void> {
  for (let at = 0; at < count; at += 10)
    await Promise.all(Array.from({ length: Math.min(10, count - at) }, (_, step) => make(at + step)));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Time on a processor, summed over threads: Linux counts it in nanoseconds in schedstat, in hundredths of a second only in stat. */
function cpuMs(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) => sum + threadMs(pid, thread), 0);
}

function threadMs(pid: number, thread: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6;
  } catch {
    // It ended between the two looks.
    return 0;
  }
}

function pssMib(pids: readonly number[]): number {
  const one = (pid: number): number =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  return pids.reduce((sum, pid) => sum + one(pid), 0) / 1024;
}

function report(measures: readonly Measure[]): void {
  const folder = join(import.meta.dirname, "../../artifacts");
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "budgets.json"), JSON.stringify(measures, null, 2));
  for (const { name, value, unit, budget } of measures) {
    const wanted =
      budget === undefined ? "" : `budget ${budget} ${unit}${value <= budget ? "" : ", over it"}`;
    console.log(`${name.padEnd(52)} ${value.toFixed(1).padStart(8)} ${unit.padEnd(5)} ${wanted}`);
  }
}

await run();
