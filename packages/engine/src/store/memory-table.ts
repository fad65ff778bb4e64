import type { Durability, Table } from "./contract.ts";

/** One row's change on its way to disk; without `json` a removal. */
export interface Change {
  readonly table: string;
  readonly key: string;
  readonly durability: Durability;
  readonly sequence: number;
  readonly version?: number;
  readonly json?: string;
}

/** Rows in memory in insertion order; each change goes to `commit`, whose promise means as durable as asked. */
export class MemoryTable<T> implements Table<T> {
  readonly name: string;
  readonly #rows: Map<string, { value: T; sequence: number }>;
  readonly #commit: (change: Change) => Promise<void>;
  #sequence: number;

  constructor(
    name: string,
    initial: Iterable<[string, T]>,
    sequence: number,
    commit: (change: Change) => Promise<void>,
  ) {
    this.name = name;
    this.#sequence = sequence;
    this.#commit = commit;
    this.#rows = new Map();
    let order = 0;
    for (const [key, value] of initial) this.#rows.set(key, { value, sequence: ++order });
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: string): T | undefined {
    return this.#rows.get(key)?.value;
  }

  *entries(): IterableIterator<[string, T]> {
    for (const [key, row] of this.#rows) yield [key, row.value];
  }

  *values(): IterableIterator<T> {
    for (const row of this.#rows.values()) yield row.value;
  }

  put(key: string, value: T, durability: Durability = "disk"): Promise<void> {
    const sequence = this.#rows.get(key)?.sequence ?? ++this.#sequence;
    this.#rows.set(key, { value, sequence });
    return this.#commit({ table: this.name, key, durability, sequence, json: JSON.stringify(value) });
  }

  remove(key: string, durability: Durability = "disk"): Promise<void> {
    if (!this.#rows.delete(key)) return Promise.resolve();
    return this.#commit({ table: this.name, key, durability, sequence: 0 });
  }
}
