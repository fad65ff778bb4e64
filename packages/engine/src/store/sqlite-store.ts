import { mkdirSync } from "node:fs";
import { open } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { LongshoreError, messageOf } from "#kernel";
import type { Durability, Store, Table } from "./contract.ts";
import { MemoryTable, type Change } from "./memory-table.ts";

interface Batch {
  readonly changes: Change[];
  readonly done: PromiseWithResolvers<void>;
}

/** How long a "kernel" change may wait for its way to the disk. */
const SYNC_DELAY_MS = 1000;

/**
 * The store over node:sqlite (WAL). Changes of one turn of the event loop share one transaction,
 * so fifty puts cost one fsync, and none when each of them is content with "kernel". All reads come from memory.
 */
export class SqliteStore implements Store {
  readonly #database: DatabaseSync;
  readonly #walFile: string;
  readonly #put: StatementSync;
  readonly #remove: StatementSync;
  readonly #opened = new Set<string>();
  #durability: Durability = "disk";
  #sync: NodeJS.Timeout | undefined;
  #batch: Batch | undefined;
  #last: Promise<void> = Promise.resolve();

  constructor(file: string) {
    mkdirSync(path.dirname(file), { recursive: true });
    this.#database = new DatabaseSync(file);
    this.#database.exec(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=2000;" +
        "CREATE TABLE IF NOT EXISTS rows (tab TEXT NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, version INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (tab, key)) WITHOUT ROWID;",
    );
    this.#walFile = `${file}-wal`;
    this.#put = this.#database.prepare(
      "INSERT OR REPLACE INTO rows (tab, key, seq, version, value) VALUES (?, ?, ?, ?, ?)",
    );
    this.#remove = this.#database.prepare("DELETE FROM rows WHERE tab = ? AND key = ?");
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
      this.#setDurability(batch.changes.some((change) => change.durability === "disk") ? "disk" : "kernel");
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        for (const change of batch.changes) {
          if (change.json === undefined) this.#remove.run(change.table, change.key);
          else this.#put.run(change.table, change.key, change.sequence, change.version ?? 1, change.json);
        }
        this.#database.exec("COMMIT");
      } catch (error) {
        // A full disk ends the transaction by itself.
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
      batch.done.resolve();
    } catch (error) {
      batch.done.reject(
        new LongshoreError(
          "internal",
          `metadata could not be written: ${isFull(error) ? "no space left on device" : messageOf(error)}`,
          { cause: error },
        ),
      );
    }
  }

  /** Without a sync a commit is in the WAL as the kernel has it; the next one with a sync covers all before it. */
  #setDurability(durability: Durability): void {
    if (durability === "kernel") this.#sync ??= setTimeout(() => this.#syncNow(), SYNC_DELAY_MS).unref();
    else {
      clearTimeout(this.#sync);
      this.#sync = undefined;
    }
    if (durability === this.#durability) return;
    this.#durability = durability;
    this.#database.exec(`PRAGMA synchronous=${durability === "disk" ? "FULL" : "NORMAL"}`);
  }

  #syncNow(): void {
    this.#sync = undefined;
    // Should it fail, the next "disk" change meets the same disk and says so.
    void open(this.#walFile)
      .then((wal) => wal.sync().finally(() => wal.close()))
      .catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#database.isOpen) return;
    clearTimeout(this.#sync);
    this.#setDurability("disk");
    this.#flush();
    this.#database.close();
  }
}

const SQLITE_FULL = 13;
const isFull = (error: unknown): boolean =>
  error instanceof Error && "errcode" in error && error.errcode === SQLITE_FULL;
