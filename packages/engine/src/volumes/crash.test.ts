import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { journalStore, type Rows } from "#testing/store";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Volumes } from "./contract.ts";
import { fakeVolumeHost } from "./testing.ts";
import { openVolumeRoom } from "./volume-room.ts";

const never = new AbortController().signal;
let root = "";
let copies = 0;
let points: { readonly rows: Rows; readonly dataRoot: string }[] = [];
beforeEach(() => {
  root = mkdtempSync(path.join(os.tmpdir(), "volumes-"));
  points = [];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (dataRoot: string, rows: Rows, onCrashPoint?: (rows: Rows) => void): Promise<Volumes> =>
  openVolumeRoom(
    {
      store: journalStore(rows, onCrashPoint),
      events: openEvents(),
      dataRoot,
      log: silentLogger,
      clock: systemClock,
    },
    fakeVolumeHost(),
    never,
  );

/** A volume `data` with a file, in a room that leaves a copy of its folders at each point of a crash. */
async function room(): Promise<Volumes> {
  const dataRoot = path.join(root, "data");
  const volumes = await open(dataRoot, new Map(), (rows) => {
    const copy = path.join(root, `crash-${copies++}`);
    cpSync(dataRoot, copy, { recursive: true });
    points.push({ rows, dataRoot: copy });
  });
  const { mountpoint } = await volumes.create({ name: "data" }, never);
  await writeFile(path.join(mountpoint, "f"), "precious");
  return volumes;
}

/** What the next engine finds after a crash at each point of `work`: `place name` of the volume with its file whole, once each. */
async function found(work: () => Promise<unknown>): Promise<readonly (readonly string[])[]> {
  points = [];
  await work();
  const all: (readonly string[])[] = [];
  for (const { rows, dataRoot } of points) {
    const volumes = await open(dataRoot, rows);
    const whole = (...place: readonly string[]): boolean =>
      existsSync(path.join(dataRoot, ...place)) &&
      readFileSync(path.join(dataRoot, ...place), "utf8") === "precious";
    all.push([
      ...volumes.list().map(({ name }) => `${whole("volumes", name, "_data/f") ? "there" : "EMPTY"} ${name}`),
      ...volumes
        .trashed()
        .map(
          ({ key, volume }) => `${whole("trash/volumes", key, "_data/f") ? "trash" : "EMPTY"} ${volume.name}`,
        ),
    ]);
    const folders = readdirSync(path.join(dataRoot, "volumes")).length;
    expect(folders + readdirSync(path.join(dataRoot, "trash/volumes")).length).toBe(all.at(-1)?.length);
  }
  expect(all.length).toBeGreaterThan(1);
  return all;
}

test("a crash in discard() leaves the volume there or in the trash, whole", async () => {
  const volumes = await room();
  expect(new Set(await found(() => volumes.discard("data", {})))).toEqual(
    new Set([["there data"], ["trash data"]]),
  );
});

test("a crash in remove() of what is needed leaves the volume there or kept, whole", async () => {
  const volumes = await room();
  volumes.expect("data", "c1");
  expect(new Set(await found(() => volumes.remove("data", { isForced: false })))).toEqual(
    new Set([["there data"], ["trash data"]]),
  );
});

test("a crash in restore() leaves the volume in the trash or there, whole", async () => {
  const volumes = await room();
  const key = await volumes.discard("data", {});
  expect(new Set(await found(() => volumes.restore(key, {})))).toEqual(
    new Set([["trash data"], ["there data"]]),
  );
});

test("a crash in restore() under another name does too", async () => {
  const volumes = await room();
  const key = await volumes.discard("data", {});
  await volumes.create({ name: "data" }, never);
  const places = await found(() => volumes.restore(key, { name: "back" }));
  for (const place of places) expect(place).toHaveLength(2);
  expect(new Set(places.map(([, old]) => old))).toEqual(new Set(["trash data", "trash back", "there back"]));
});

test("a crash in purge() leaves it in the trash, whole, or nothing", async () => {
  const volumes = await room();
  const key = await volumes.discard("data", {});
  for (const place of await found(() => volumes.purge(key)))
    expect([[], ["trash data"]]).toContainEqual(place);
});
