import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { storeConformance } from "./conformance.ts";
import { openStore } from "./index.ts";
import { journalStore, memoryStore } from "./testing.ts";

const root = await mkdtemp(path.join(os.tmpdir(), "store-"));
afterAll(() => rm(root, { recursive: true }));
let count = 0;
const file = (): string => path.join(root, `${++count}.db`);

storeConformance("sqlite", async () => openStore(file()));
storeConformance("memory", async () => memoryStore());
storeConformance("journal", async () => journalStore(new Map()));

describe("openStore()", () => {
  test("finds again, in order, what was put before", async () => {
    const place = file();
    {
      await using store = openStore(place);
      const table = store.table("t", 1, (row) => row);
      await table.put("z", { n: 1 });
      await table.put("y", { n: 2 });
      await table.put("x", { n: 3 });
      await table.remove("y");
    }
    await using store = openStore(place);
    const table = store.table("t", 1, (row) => row);
    expect([...table.entries()]).toEqual([
      ["z", { n: 1 }],
      ["x", { n: 3 }],
    ]);
    await table.put("a", { n: 4 });
    expect([...table.entries()].map(([key]) => key)).toEqual(["z", "x", "a"]);
  });

  test('a put that asks for "kernel" outlives kill -9 of its process', async () => {
    const place = file();
    const script = `
      const { openStore } = await import(${JSON.stringify(path.join(import.meta.dirname, "index.ts"))});
      const table = openStore(${JSON.stringify(place)}).table("t", 1, (row) => row);
      await table.put("hard", { n: 1 });
      await table.put("soft", { n: 2 }, "kernel");
      await table.remove("hard", "kernel");
      process.kill(process.pid, "SIGKILL");`;
    const { signal } = spawnSync(process.execPath, ["--input-type=module", "-e", script]);
    expect(signal).toBe("SIGKILL");
    await using store = openStore(place);
    expect([...store.table("t", 1, (row) => row).entries()]).toEqual([["soft", { n: 2 }]]);
  });

  test("hands rows of an older schema to upgrade() and refuses newer ones", async () => {
    const place = file();
    {
      await using store = openStore(place);
      await store.table("t", 2, (row) => row).put("a", { n: 1 });
    }
    {
      await using store = openStore(place);
      const seen: number[] = [];
      store.table("t", 3, (_row, version) => void seen.push(version));
      expect(seen).toEqual([2]);
    }
    await using store = openStore(place);
    expect(() => store.table("t", 1, (row) => row)).toThrow("written by a newer engine");
  });
});
