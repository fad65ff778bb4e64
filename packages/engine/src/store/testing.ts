import { LongshoreError } from "#kernel";
import type { Store, Table } from "./contract.ts";
import { MemoryTable } from "./memory-table.ts";

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
