import { mkdirSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LongshoreError } from "#kernel";
import type { Store, Table } from "./contract.ts";
import { MemoryTable, type Change } from "./memory-table.ts";

interface Batch {
  readonly changes: Change[];
  readonly done: PromiseWithResolvers<void>;
}

/**
 * The store over node:sqlite (WAL, synchronous=FULL). Changes of one turn of the event loop share one transaction,
 * so fifty puts cost one fsync. All reads come from memory.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #opened = new Set<string>();
  #batch: Batch | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    this.#database = new DatabaseSync(file);
    this.#database.exec(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;" +
        "CREATE TABLE IF NOT EXISTS rows (tab TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;",
    );
  }

  table<T>(name: string, version: number, upgrade: (row: unknown, version: number) => T): Table<T> {
    if (this.#opened.has(name))
      throw new LongshoreError("internal", `store table "${name}" was opened twice`);
    this.#opened.add(name);
    const rows = this.#database
      .prepare("SELECT key, seq, version, value FROM rows WHERE tab = ? ORDER BY seq")
      .all(name);
    let sequence = 0;
    const initial = rows.map((row): [string, T] => {
      sequence = Math.max(sequence, Number(row["seq"]));
      const rowVersion = Number(row["version"]);
      if (rowVersion > version) {
        throw new LongshoreError(
          "unavailable",
          `table "${name}" was written by a newer engine (schema ${rowVersion}, this one knows ${version})`,
        );
      }
      return [String(row["key"]), upgrade(JSON.parse(String(row["value"])), rowVersion)];
    });
    return new MemoryTable<T>(name, initial, sequence, (change) => this.#commit({ ...change, version }));
  }

  async settled(): Promise<void> {
    await (this.#batch?.done.promise ?? this.#last);
  }

  #commit(change: Change): Promise<void> {
    if (this.#batch === undefined) {
      const batch: Batch = { changes: [], done: Promise.withResolvers<void>() };
      this.#batch = batch;
      this.#last = batch.done.promise;
      batch.done.promise.catch(() => {});
      setImmediate(() => this.#flush());
    }
    this.#batch.changes.push(change);
    return this.#batch.done.promise;
  }

  #flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    try {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        const put = this.#database.prepare(
          "INSERT OR REPLACE INTO rows (tab, key, seq, version, value) VALUES (?, ?, ?, ?, ?)",
        );
        const remove = this.#database.prepare("DELETE FROM rows WHERE tab = ? AND key = ?");
        for (const change of batch.changes) {
          if (change.json === undefined) remove.run(change.table, change.key);
          else put.run(change.table, change.key, change.sequence, change.version ?? 1, change.json);
        }
        this.#database.exec("COMMIT");
      } catch (error) {
        this.#database.exec("ROLLBACK");
        throw error;
      }
      batch.done.resolve();
    } catch (error) {
      batch.done.reject(
        new LongshoreError(
          "internal",
          "metadata could not be written: " + (error instanceof Error ? error.message : String(error)),
          { cause: error },
        ),
      );
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#database.isOpen) return;
    this.#flush();
    this.#database.close();
  }
}
