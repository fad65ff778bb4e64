import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { LongshoreError } from "#kernel";

/**
 * Holds `folder` for this process: a second holder gets `conflict` with the first one's pid. The kernel frees it when the process dies.
 * The lock is SQLite's own file lock, so that no system call of ours is needed for it.
 */
export function holdFolder(folder: string, what: string): Disposable {
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  const pidFile = path.join(folder, "engine.pid");
  const lock = new DatabaseSync(path.join(folder, "engine.lock"));
  try {
    // Nothing is ever written: a journal would only be left behind by _exit(), and cost the next start a sync.
    lock.exec(
      "PRAGMA busy_timeout=0; PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=OFF; BEGIN EXCLUSIVE;",
    );
  } catch (error) {
    lock.close();
    throw new LongshoreError(
      "conflict",
      `${what} "${folder}" is in use by another engine (pid ${pidIn(pidFile)}): stop that one, or give this one a root of its own`,
      { cause: error },
    );
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    [Symbol.dispose]: () => {
      if (lock.isOpen) lock.close();
    },
  };
}

function pidIn(file: string): string {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return "unknown";
  }
}
