import { describe, expect, test } from "vitest";
import type { Store } from "./contract.ts";

interface Row {
  readonly n: number;
}
const asRow = (row: unknown): Row => row as Row;

/** What every store does. */
export function storeConformance(driver: string, make: () => Promise<Store>): void {
  describe(`${driver} is a store`, () => {
    test("put() is seen by get() at once and resolves", async () => {
      await using store = await make();
      const table = store.table("t", 1, asRow);
      const durable = table.put("a", { n: 1 });
      expect(table.get("a")).toEqual({ n: 1 });
      await durable;
      expect(table.size).toBe(1);
    });

    test("entries() keeps insertion order when a row is rewritten", async () => {
      await using store = await make();
      const table = store.table("t", 1, asRow);
      await Promise.all([table.put("b", { n: 1 }), table.put("a", { n: 2 }), table.put("b", { n: 3 })]);
      expect([...table.entries()]).toEqual([
        ["b", { n: 3 }],
        ["a", { n: 2 }],
      ]);
    });

    test("remove() of an absent key is no error", async () => {
      await using store = await make();
      const table = store.table("t", 1, asRow);
      await table.remove("nothing");
      expect(table.size).toBe(0);
    });

    test("table() refuses to open a name twice", async () => {
      await using store = await make();
      store.table("t", 1, asRow);
      expect(() => store.table("t", 1, asRow)).toThrow('store table "t" was opened twice');
    });
  });
}
