import type { Store } from "./contract.ts";
import { SqliteStore } from "./sqlite-store.ts";

export { holdFolder } from "./lock.ts";
export type * from "./contract.ts";

/** Opens (or makes) the metadata database in `file`. The caller disposes it, after every room that uses it. */
export function openStore(file: string): Store {
  return new SqliteStore(file);
}
