import { LongshoreError } from "#kernel";
import type { Durability, Table } from "#store";
import type { Task, ExecTask } from "#runtime";
import type { Container, ContainerState, Exec, TrashedContainer } from "./contract.ts";

/** How a run ended, told to everyone who waits. */
export interface Ended {
  readonly code: number;
  readonly error?: string;
}

/** A prepared or started exec with its task. */
export interface LiveExec {
  exec: Exec;
  task?: ExecTask;
  /** There from its start on; resolves when it runs or has failed. */
  starting?: Promise<void>;
  /** By the clock, in milliseconds. */
  endedAtMs?: number;
}

/** What exists only while this engine runs. */
export class LiveState {
  task: Task | undefined;
  nextStart: PromiseWithResolvers<Task> = quiet();
  nextExit: PromiseWithResolvers<Ended> = quiet();
  /** Resolves as soon as the process has ended: all its output is stored. Waiters of nextExit hear of it later. */
  outputEnd: PromiseWithResolvers<void> = quiet();
  /** One for each attached client: resolves when it was given all output of this run. */
  readonly attachments: Set<Promise<void>> = new Set();
  readonly removed: PromiseWithResolvers<Ended> = quiet();
  /** Resolves when the clean-up after the last exit is done. */
  settled: Promise<void> = Promise.resolve();
  /** Asked without a turn in between: while `settled` is waited for, the next clean-up may begin. */
  isCleaning = false;
  readonly execs: Map<string, LiveExec> = new Map();
  /** Aborts a restart that waits for its back-off. */
  restart: AbortController | undefined;
  /** Ends the watch of its health. */
  health: AbortController | undefined;
  isStopping = false;
  /** Its end comes by the removal that puts it into the trash: --rm means nothing then. */
  isDiscarding = false;
  /** Restarts that are under way: the end that they bring is no removal. */
  restarting = 0;
  /** Resolves when no pause is under way. */
  freezing: Promise<void> = Promise.resolve();
  /** The clean-up after the last exit failed: a start has to do it first. */
  isUnclean = false;
  sandboxOwner: string | undefined;
}

function quiet<T>(): PromiseWithResolvers<T> {
  const made = Promise.withResolvers<T>();
  made.promise.catch(() => {});
  return made;
}

/** Names: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`. Source: Docker Engine API, ContainerCreate. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** All containers: records, names, live state. */
export class ContainerBook {
  readonly #table: Table<Container>;
  readonly #trash: Table<TrashedContainer>;
  readonly #names = new Map<string, string>();
  readonly #live = new Map<string, LiveState>();
  readonly execs: Map<string, LiveExec> = new Map();

  constructor(table: Table<Container>, trash: Table<TrashedContainer>) {
    this.#table = table;
    this.#trash = trash;
    for (const container of table.values()) this.#names.set(container.name, container.id);
  }

  list(): readonly Container[] {
    return [...this.#table.values()];
  }

  byId(id: string): Container | undefined {
    return this.#table.get(id);
  }

  live(id: string): LiveState {
    let live = this.#live.get(id);
    if (live === undefined) {
      live = new LiveState();
      this.#live.set(id, live);
    }
    return live;
  }

  get(name: string): Container {
    const found = this.find(name);
    if (found === undefined) throw new LongshoreError("not_found", `No such container: ${name}`);
    return found;
  }

  /** By exact id, exact name, unique id prefix. Throws `invalid` for a prefix of several. */
  find(name: string): Container | undefined {
    const bare = name.startsWith("/") ? name.slice(1) : name;
    const exact = this.#table.get(bare) ?? this.#byName(bare);
    if (exact !== undefined) return exact;
    const matches =
      bare !== "" && /^[0-9a-f]+$/.test(bare)
        ? this.list().filter((container) => container.id.startsWith(bare))
        : [];
    if (matches.length > 1)
      throw new LongshoreError("invalid", `multiple IDs found with provided prefix: ${name}`);
    return matches[0];
  }

  #byName(name: string): Container | undefined {
    const id = this.#names.get(name);
    return id === undefined ? undefined : this.#table.get(id);
  }

  /** Takes `name` for `id`; throws `invalid` for a bad name, `conflict` in Docker's words for a taken one. */
  takeName(name: string, id: string): void {
    const bare = name.startsWith("/") ? name.slice(1) : name;
    if (!NAME.test(bare))
      throw new LongshoreError(
        "invalid",
        `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
      );
    const holder = this.#names.get(bare);
    if (holder !== undefined && holder !== id) {
      throw new LongshoreError(
        "conflict",
        `Conflict. The container name "/${bare}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
    }
    this.#names.set(bare, id);
  }

  isNameFree(name: string): boolean {
    return !this.#names.has(name);
  }

  freeName(name: string, id: string): void {
    if (this.#names.get(name) === id) this.#names.delete(name);
  }

  async add(container: Container): Promise<void> {
    await this.#table.put(container.id, container);
  }

  /** Rewrites a record; visible at once, durable when resolved. Absent = it was removed meanwhile: nothing happens. */
  async change(
    id: string,
    change: (container: Container) => Container,
    durability: Durability = "disk",
  ): Promise<void> {
    const container = this.#table.get(id);
    if (container !== undefined) await this.#table.put(id, change(container), durability);
  }

  /** What the process does: a power cut would end it anyway, so nobody waits for a disk. */
  async changeState(id: string, patch: Partial<ContainerState>): Promise<void> {
    await this.change(
      id,
      (container) => ({ ...container, state: { ...container.state, ...patch } }),
      "kernel",
    );
  }

  async remove(container: Container): Promise<void> {
    const done = this.#table.remove(container.id);
    this.freeName(container.name, container.id);
    await done;
  }

  /** In one turn, so in one transaction: it is either there or in the trash. */
  async discard(entry: TrashedContainer): Promise<void> {
    const { container } = entry;
    const done = Promise.all([this.#trash.put(container.id, entry), this.#table.remove(container.id)]);
    this.freeName(container.name, container.id);
    await done;
  }

  /** As discard, the other way. The name was taken for it. */
  async restore(container: Container): Promise<void> {
    await Promise.all([this.#trash.remove(container.id), this.#table.put(container.id, container)]);
  }

  trashed(): readonly TrashedContainer[] {
    return [...this.#trash.values()];
  }

  inTrash(id: string): TrashedContainer | undefined {
    return this.#trash.get(id);
  }

  async changeInTrash(entry: TrashedContainer): Promise<void> {
    await this.#trash.put(entry.container.id, entry);
  }

  async purge(id: string): Promise<void> {
    await this.#trash.remove(id);
  }

  /** There, or in the trash: its files are needed. */
  isKnown(id: string): boolean {
    return this.#table.get(id) !== undefined || this.#trash.get(id) !== undefined;
  }

  forget(id: string): void {
    for (const [exec, entry] of this.execs) if (entry.exec.containerId === id) this.execs.delete(exec);
    this.#live.delete(id);
  }
}
