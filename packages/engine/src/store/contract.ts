/**
 * What a resolved put has outlived. "disk": a power cut. "kernel": the death of this process; it reaches the disk with the next
 * "disk" change, at most a second later. For facts about running processes, which a power cut ends too, without the wait for a disk.
 */
export type Durability = "disk" | "kernel";

/** A row's value: JSON-shaped, owned by the table; callers never mutate what they got. */
export interface Table<T> {
  readonly name: string;
  /** From memory. */
  get(key: string): T | undefined;
  /** From memory, in insertion order. */
  entries(): IterableIterator<[string, T]>;
  values(): IterableIterator<T>;
  readonly size: number;
  /** Visible to `get` at once; resolves when it is as durable as asked, "disk" if not. Puts of one tick share one transaction. */
  put(key: string, value: T, durability?: Durability): Promise<void>;
  /** As `put`; removing what is absent is no error. */
  remove(key: string, durability?: Durability): Promise<void>;
}

/** Transactional metadata: all tables in memory, every change durable, as its maker asked, before its promise resolves. */
export interface Store extends AsyncDisposable {
  /** Opens a table once per process. `upgrade` turns rows written by older schema versions into T (throw = refuse to start). */
  table<T>(name: string, version: number, upgrade: (row: unknown, version: number) => T): Table<T>;
  /** Resolves when everything put so far is durable. */
  settled(): Promise<void>;
}
