import { LongshoreError } from "#kernel";
import type { Store, Table } from "./contract.ts";
import { type Change, MemoryTable } from "./memory-table.ts";

/** A store without a disk, for other rooms' unit tests. Passes the store's conformance suite (but for reopening). */
export function memoryStore(): Store {
  const opened = new Set<string>();
  return {
    table<T>(name: string): Table<T> {
      if (opened.has(name)) throw new LongshoreError("internal", `store table "${name}" was opened twice`);
      opened.add(name);
      return new MemoryTable<T>(name, [], 0, async (change) => {
        if (change.json !== undefined) JSON.parse(change.json);
      });
    },
    settled: async () => {},
    [Symbol.asyncDispose]: async () => {},
  };
}

/** One set of tables that each next engine opens again. */
export function keepingStore(): () => Store {
  const tables = new Map<string, ReturnType<Store["table"]>>();
  const store = memoryStore();
  return () => ({
    table: <T>(name: string) => {
      const table = tables.get(name) ?? store.table<unknown>(name, 1, (row) => row);
      tables.set(name, table);
      return table as ReturnType<typeof store.table<T>>;
    },
    settled: async () => {},
    [Symbol.asyncDispose]: async () => {},
  });
}

/** Rows as JSON, by table and key. */
export type Rows = ReadonlyMap<string, ReadonlyMap<string, string>>;

/**
 * A store that tells what a crash would leave: `onCrashPoint` is called with the durable rows before and after each transaction, with
 * whatever the file system holds then. One opened on such rows is the next engine's.
 */
export function journalStore(rows: Rows, onCrashPoint: (rows: Rows) => void = () => {}): Store {
  const durable = new Map([...rows].map(([table, entries]) => [table, new Map(entries)]));
  const copy = (): Rows => new Map([...durable].map(([table, entries]) => [table, new Map(entries)]));
  let batch: { readonly changes: Change[]; readonly done: PromiseWithResolvers<void> } | undefined;
  const flush = (): void => {
    const { changes, done } = batch ?? { changes: [], done: Promise.withResolvers<void>() };
    batch = undefined;
    onCrashPoint(copy());
    for (const { table, key, json } of changes) {
      const entries = durable.get(table) ?? new Map<string, string>();
      durable.set(table, entries);
      if (json === undefined) entries.delete(key);
      else entries.set(key, json);
    }
    onCrashPoint(copy());
    done.resolve();
  };
  const opened = new Set<string>();
  return {
    table<T>(name: string): Table<T> {
      if (opened.has(name)) throw new LongshoreError("internal", `store table "${name}" was opened twice`);
      opened.add(name);
      const initial = [...(durable.get(name) ?? [])].map(([key, json]): [string, T] => [
        key,
        JSON.parse(json),
      ]);
      return new MemoryTable<T>(name, initial, initial.length, (change) => {
        if (batch === undefined) {
          batch = { changes: [], done: Promise.withResolvers<void>() };
          setImmediate(flush);
        }
        batch.changes.push(change);
        return batch.done.promise;
      });
    },
    settled: async () => {
      await batch?.done.promise;
    },
    [Symbol.asyncDispose]: async () => {},
  };
}
