import { mkdir, readdir, rename } from "node:fs/promises";
import path from "node:path";
import { removeTree } from "#host";
import { errno, LongshoreError, type Logger, randomId } from "#kernel";
import type { Table } from "#store";
import type { TrashedVolume } from "./contract.ts";

const REMOVED = ".removed-";

/** A volume in the trash as stored. While it moves, `volume.name` says where its folder may be instead. */
export interface TrashRow extends TrashedVolume {
  readonly isFilling: boolean;
}

/**
 * The volumes of the trash: records, folders, and which containers of the trash need which volume.
 * The record decides: a folder follows it, at the next start if a crash came between.
 */
export class VolumeTrash {
  readonly #table: Table<TrashRow>;
  readonly #folder: string;
  readonly #volumes: string;
  readonly #log: Logger;
  readonly #expected = new Map<string, Set<string>>();

  constructor(table: Table<TrashRow>, dataRoot: string, log: Logger) {
    this.#table = table;
    this.#folder = path.join(dataRoot, "trash", "volumes");
    this.#volumes = path.join(dataRoot, "volumes");
    this.#log = log;
  }

  /** Before folders without a record are taken in: one that is on its way into the trash, or was on its way out, goes there. */
  async recover(hasVolume: (name: string) => boolean): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o701 });
    const names = new Set(await readdir(this.#folder));
    for (const name of names) {
      if (!name.startsWith(REMOVED)) continue;
      await this.#table.remove(name.slice(REMOVED.length));
      await removeTree(path.join(this.#folder, name));
    }
    for (const { key, volume } of Array.from(this.#table.values())) {
      if (names.delete(key)) continue;
      if (!hasVolume(volume.name) && (await this.#moved(this.#live(volume.name), this.#place(key)))) continue;
      this.#log.error("a volume's folder in the trash is gone: its record is dropped", {
        volume: volume.name,
      });
      await this.#table.remove(key);
    }
    for (const name of names)
      if (!name.startsWith(REMOVED))
        this.#log.warn("a folder in the trash that no record names is left there", { folder: name });
  }

  list(): readonly TrashRow[] {
    return [...this.#table.values()];
  }

  need(key: string): TrashRow {
    const row = this.#table.get(key);
    if (row === undefined) throw new LongshoreError("not_found", `No such volume in the trash: ${key}`);
    return row;
  }

  /** Who will want `name` back. They mean this volume from now on, not the next one of that name. */
  takeExpected(name: string): readonly string[] {
    const ids = [...(this.#expected.get(name) ?? [])];
    this.#expected.delete(name);
    return ids;
  }

  isExpected(name: string): boolean {
    return this.#expected.has(name);
  }

  expect(name: string, containerId: string): void {
    if (this.keptFor(containerId).some(({ volume }) => volume.name === name)) return;
    const ids = this.#expected.get(name) ?? new Set();
    this.#expected.set(name, ids.add(containerId));
  }

  keptFor(containerId: string): readonly TrashRow[] {
    return this.list().filter(({ neededBy }) => neededBy.includes(containerId));
  }

  /** `own` is what becomes of the volume's own record, in the same turn: one transaction. */
  async add(
    row: TrashRow,
    own: { readonly remove: () => Promise<void>; readonly putBack: () => Promise<void> },
  ): Promise<void> {
    await Promise.all([this.#table.put(row.key, row), own.remove()]);
    try {
      await this.#moved(this.#live(row.volume.name), this.#place(row.key));
    } catch (error) {
      await Promise.all([this.#table.remove(row.key), own.putBack()]);
      for (const id of row.neededBy) this.expect(row.volume.name, id);
      throw error;
    }
  }

  /** `put` makes the volume's own record, in the turn in which the one in the trash goes. */
  async takeOut(row: TrashRow, name: string, put: () => Promise<void>): Promise<void> {
    const { key, volume } = row;
    // The record knows first where the folder goes: a crash on the way leads back into the trash.
    if (name !== volume.name) await this.#table.put(key, { ...row, volume: { ...volume, name } });
    await this.#moved(this.#place(key), this.#live(name));
    await Promise.all([this.#table.remove(key), put()]);
    for (const id of row.neededBy) this.expect(name, id);
  }

  async change(row: TrashRow): Promise<void> {
    await this.#table.put(row.key, row);
  }

  async destroy(key: string): Promise<void> {
    const gone = path.join(this.#folder, `${REMOVED}${key}`);
    await this.#moved(this.#place(key), gone);
    await this.#table.remove(key);
    await removeTree(gone);
  }

  /** Answers the volumes that nobody needs any more. */
  async forgo(containerId: string): Promise<readonly string[]> {
    for (const [name, ids] of this.#expected)
      if (ids.delete(containerId) && ids.size === 0) this.#expected.delete(name);
    const idle: string[] = [];
    for (const row of this.keptFor(containerId)) {
      const neededBy = row.neededBy.filter((id) => id !== containerId);
      await this.change({ ...row, neededBy });
      if (row.isKept && neededBy.length === 0) idle.push(row.key);
    }
    return idle;
  }

  #place(key: string): string {
    return path.join(this.#folder, key);
  }
  #live(name: string): string {
    return path.join(this.#volumes, name);
  }

  async #moved(from: string, to: string): Promise<boolean> {
    try {
      await rename(from, to);
      return true;
    } catch (error) {
      if (errno(error) === "ENOENT") return false;
      throw error;
    }
  }
}

/** A key that sorts by nothing and says nothing. */
export const trashKey = (): string => randomId().slice(0, 24);
