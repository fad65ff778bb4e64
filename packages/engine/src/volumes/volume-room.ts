import { chmod, mkdir, readdir, rename, stat } from "node:fs/promises";
import path from "node:path";
import {
  errno,
  isKind,
  KeyedLocks,
  LongshoreError,
  messageOf,
  randomId,
  type Clock,
  type Logger,
} from "#kernel";
import { type Mounts, removeTree, treeBytes } from "#host";
import { type Events, publishPrune } from "#events";
import type { Store, Table } from "#store";
import type { TrashedVolume, Volume, Volumes, VolumeUse } from "./contract.ts";
import { checkVolumeName, parseVolumeOptions } from "./options.ts";
import { trashKey, type TrashRow, VolumeTrash } from "./volume-trash.ts";

export interface VolumesDeps {
  readonly store: Store;
  readonly events: Events;
  readonly dataRoot: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/** What this room asks of Linux; the fake stands behind the same. */
export interface VolumeHost extends Pick<Mounts, "mountDevice" | "unmountDevice" | "isMountPoint"> {
  copyTree(source: string, target: string, signal: AbortSignal): Promise<void>;
}

interface VolumeRow {
  readonly volume: Volume;
  /** A copy into it was begun and not ended: what it holds is half of something. */
  readonly isFilling: boolean;
}

const REMOVED = ".removed-";
const ANONYMOUS_LABEL = "com.docker.volume.anonymous";

/** Opens the room: reads the records, adopts folders without one, ends removals that were begun. */
export async function openVolumeRoom(
  deps: VolumesDeps,
  host: VolumeHost,
  signal: AbortSignal,
): Promise<Volumes> {
  const table = deps.store.table("volumes", 1, (row) => row as VolumeRow);
  const trash = new VolumeTrash(
    deps.store.table("trashed_volumes", 1, (row) => row as TrashRow),
    deps.dataRoot,
    deps.log.child("volumes"),
  );
  const room = new VolumeRoom(deps, host, table, trash);
  await room.recover(signal);
  return room;
}

class VolumeRoom implements Volumes {
  readonly #events: Events;
  readonly #folder: string;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #host: VolumeHost;
  readonly #table: Table<VolumeRow>;
  readonly #trash: VolumeTrash;
  readonly #locks = new KeyedLocks();
  readonly #holders = new Map<string, Set<string>>();
  readonly #references = new Map<string, Set<string>>();

  constructor(deps: VolumesDeps, host: VolumeHost, table: Table<VolumeRow>, trash: VolumeTrash) {
    this.#events = deps.events;
    this.#folder = path.join(deps.dataRoot, "volumes");
    this.#log = deps.log.child("volumes");
    this.#clock = deps.clock;
    this.#host = host;
    this.#table = table;
    this.#trash = trash;
  }

  async recover(signal: AbortSignal): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o701 });
    await this.#trash.recover((name) => this.#table.get(name) !== undefined);
    const names = await readdir(this.#folder);
    for (const name of names.filter((one) => one.startsWith(REMOVED))) {
      signal.throwIfAborted();
      const volume = name.slice(REMOVED.length, -13);
      if (!names.includes(volume)) await this.#table.remove(volume);
      await removeTree(path.join(this.#folder, name));
    }
    for (const name of names) {
      if (name.startsWith(".") || this.#table.get(name) !== undefined) continue;
      // Data of a person: never removed because a record is missing.
      this.#log.warn("a volume's folder without a record is taken in", { volume: name });
      await this.#table.put(name, { volume: this.#describe(name, {}), isFilling: false });
    }
    for (const { volume } of this.#table.values()) await this.#ensureFolder(volume.name);
  }

  get(name: string): Volume {
    return this.#row(name).volume;
  }
  list(): readonly Volume[] {
    return [...this.#table.values()].map(({ volume }) => volume);
  }

  async create(spec: Parameters<Volumes["create"]>[0], signal: AbortSignal): Promise<Volume> {
    const isAnonymous = (spec.name ?? "") === "";
    const name = isAnonymous ? randomId() : (spec.name ?? "");
    checkVolumeName(name);
    const driver = spec.driver === undefined || spec.driver === "" ? "local" : spec.driver;
    await using _ = await this.#locks.hold(name, signal);
    const existing = this.#table.get(name)?.volume;
    if (existing !== undefined) {
      // Its options and labels stay what they are, whatever is asked now: as Docker has it.
      if (existing.driver !== driver)
        throw new LongshoreError("conflict", `create ${name}: volume name must be unique`);
      return existing;
    }
    if (driver !== "local")
      throw new LongshoreError(
        "not_found",
        `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
      );
    try {
      parseVolumeOptions(spec.options ?? {});
    } catch (error) {
      if (!isKind(error, "invalid")) throw error;
      throw new LongshoreError("invalid", `create ${name}: ${error.message}`, { cause: error });
    }
    const labels = isAnonymous ? { ...spec.labels, [ANONYMOUS_LABEL]: "" } : spec.labels;
    const volume = this.#describe(name, { ...spec, ...(labels && { labels }) });
    // A crash in between leaves an empty folder, which the next start takes in.
    await this.#ensureFolder(name);
    await this.#table.put(name, { volume, isFilling: false });
    this.#announce("create", name, { driver });
    return volume;
  }

  async remove(name: string, options: { isForced: boolean }): Promise<void> {
    await using _ = await this.#locks.hold(name);
    const row = this.#table.get(name);
    if (row === undefined) {
      if (options.isForced) return;
      throw absent(name);
    }
    this.#refuseInUse(name);
    if (this.#trash.isExpected(name)) {
      await this.#discard(row, true);
      return;
    }
    await this.#unmount(name);
    const gone = path.join(this.#folder, `${REMOVED}${name}-${randomId().slice(0, 12)}`);
    try {
      await rename(path.join(this.#folder, name), gone);
    } catch (error) {
      if (errno(error) !== "ENOENT") throw error;
    }
    await this.#table.remove(name);
    await removeTree(gone);
    this.#announce("destroy", name, { driver: row.volume.driver });
  }

  #refuseInUse(name: string): void {
    const users = this.usedBy(name);
    if (users.length > 0)
      throw new LongshoreError("conflict", `remove ${name}: volume is in use - [${users.join(", ")}]`);
  }

  async discard(name: string, options: { keptFor?: string }): Promise<string> {
    await using _ = await this.#locks.hold(name);
    const row = this.#row(name);
    this.#refuseInUse(name);
    return await this.#discard(row, options.keptFor !== undefined, options.keptFor);
  }

  /** Under the volume's lock. One that is only kept is there for others' sake and goes with them. */
  async #discard(row: VolumeRow, isKept: boolean, keptFor?: string): Promise<string> {
    const { volume, isFilling } = row;
    const { name } = volume;
    await this.#unmount(name);
    const diskBytes = await this.diskBytes(name, new AbortController().signal);
    // A container may have begun to use it while it was measured.
    this.#refuseInUse(name);
    const neededBy = new Set(this.#trash.takeExpected(name));
    if (keptFor !== undefined) neededBy.add(keptFor);
    const key = trashKey();
    const removedAt = this.#clock.now().toISOString();
    await this.#trash.add(
      { key, volume, isFilling, removedAt, diskBytes, neededBy: [...neededBy], isKept },
      { remove: () => this.#table.remove(name), putBack: () => this.#table.put(name, row) },
    );
    this.#announce("destroy", name, { driver: volume.driver });
    return key;
  }

  trashed(): readonly TrashedVolume[] {
    return this.#trash.list();
  }

  async restore(key: string, options: { name?: string }): Promise<Volume> {
    const before = this.#trash.need(key).volume.name;
    const name = options.name ?? before;
    checkVolumeName(name);
    await using locks = new AsyncDisposableStack();
    for (const one of [...new Set([before, name])].toSorted()) locks.use(await this.#locks.hold(one));
    const row = this.#trash.need(key);
    if (name !== row.volume.name) refuseKnown(row, name, row.neededBy);
    if (this.#table.get(name) !== undefined)
      throw new LongshoreError(
        "conflict",
        `cannot restore volume "${row.volume.name}": the name "${name}" was taken meanwhile, want another name`,
      );
    const volume = { ...row.volume, name, mountpoint: path.join(this.#folder, name, "_data") };
    await this.#trash.takeOut(row, name, () => this.#table.put(name, { volume, isFilling: row.isFilling }));
    await this.#ensureFolder(name);
    this.#announce("create", name, { driver: volume.driver });
    return volume;
  }

  async renameInTrash(key: string, name: string, containerId: string): Promise<void> {
    checkVolumeName(name);
    const row = this.#trash.need(key);
    refuseKnown(
      row,
      name,
      row.neededBy.filter((id) => id !== containerId),
    );
    await this.#trash.change({ ...row, volume: { ...row.volume, name } });
  }

  async purge(key: string): Promise<void> {
    const row = this.#trash.list().find((candidate) => candidate.key === key);
    if (row === undefined) return;
    await using _ = await this.#locks.hold(row.volume.name);
    if (row.neededBy.length > 0) await this.#trash.change({ ...row, isKept: true });
    else await this.#trash.destroy(key);
  }

  expect(name: string, containerId: string): void {
    this.#trash.expect(name, containerId);
  }

  async forgo(containerId: string): Promise<void> {
    for (const key of await this.#trash.forgo(containerId)) await this.#trash.destroy(key);
  }

  keptFor(containerId: string): readonly TrashedVolume[] {
    return this.#trash.keptFor(containerId);
  }

  async hold(name: string, by: VolumeUse, signal: AbortSignal): Promise<string> {
    await using _ = await this.#locks.hold(name, signal);
    const { volume } = this.#row(name);
    const mount = parseVolumeOptions(volume.options);
    if (mount !== undefined && !(await this.#host.isMountPoint(volume.mountpoint))) {
      try {
        await this.#host.mountDevice({ ...mount, target: volume.mountpoint }, signal);
      } catch (error) {
        signal.throwIfAborted();
        throw new LongshoreError(
          "internal",
          `failed to mount local volume: mount ${mount.device}:${volume.mountpoint}${mount.options === "" ? "" : `, data: ${mount.options}`}: ${messageOf(error)}`,
          { cause: error },
        );
      }
    }
    const holders = this.#holders.get(name) ?? new Set();
    this.#holders.set(name, holders.add(by.containerId));
    this.#announce("mount", name, {
      driver: volume.driver,
      container: by.containerId,
      destination: by.destination,
      "read/write": String(by.isWritable),
      propagation: by.propagation,
    });
    return volume.mountpoint;
  }

  async release(name: string, containerId: string): Promise<void> {
    await using _ = await this.#locks.hold(name);
    const holders = this.#holders.get(name);
    const wasHeld = holders?.delete(containerId) ?? false;
    if (holders?.size === 0) this.#holders.delete(name);
    // After a restart nobody holds what a dead container left mounted.
    if (!this.#holders.has(name)) await this.#unmount(name);
    if (wasHeld) this.#announce("unmount", name, { driver: "local", container: containerId });
  }

  usedBy(name: string): readonly string[] {
    return [...new Set([...(this.#references.get(name) ?? []), ...(this.#holders.get(name) ?? [])])];
  }
  reference(name: string, containerId: string): void {
    const users = this.#references.get(name) ?? new Set();
    this.#references.set(name, users.add(containerId));
  }
  unreference(containerId: string): void {
    for (const [name, users] of this.#references) {
      users.delete(containerId);
      if (users.size === 0) this.#references.delete(name);
    }
  }

  async copyUp(name: string, source: string, signal: AbortSignal): Promise<void> {
    await using _ = await this.#locks.hold(name, signal);
    const row = this.#row(name);
    const target = row.volume.mountpoint;
    const present = await readdir(target);
    if (present.length > 0 && !row.isFilling) return;
    for (const entry of present) await removeTree(path.join(target, entry));
    await this.#table.put(name, { ...row, isFilling: true });
    try {
      await this.#host.copyTree(source, target, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new LongshoreError("internal", `failed to copy into volume ${name}: ${messageOf(error)}`, {
        cause: error,
      });
    }
    await this.#table.put(name, { ...row, isFilling: false });
  }

  async usageBytes(name: string, signal: AbortSignal): Promise<number> {
    return (await treeBytes(this.#row(name).volume.mountpoint, signal)).sizeBytes;
  }

  async diskBytes(name: string, signal: AbortSignal): Promise<number> {
    return (await treeBytes(path.dirname(this.#row(name).volume.mountpoint), signal)).diskBytes;
  }

  async prune(
    matches: (volume: Volume) => boolean,
    options: { readonly isDiscarding: boolean } = { isDiscarding: false },
  ): ReturnType<Volumes["prune"]> {
    const removed: string[] = [];
    const discarded: string[] = [];
    let reclaimedBytes = 0;
    for (const volume of this.list()) {
      const { name } = volume;
      if (!matches(volume) || this.usedBy(name).length > 0) continue;
      try {
        // What the driver mounts is not ours to reclaim, and what goes into the trash stays on the disk.
        const isMounted = Object.keys(volume.options).length > 0;
        const isStaying = isMounted || options.isDiscarding || this.#trash.isExpected(name);
        const bytes = isStaying ? 0 : await this.usageBytes(name, new AbortController().signal);
        if (options.isDiscarding) discarded.push(await this.discard(name, {}));
        else await this.remove(name, { isForced: false });
        removed.push(name);
        reclaimedBytes += bytes;
      } catch (error) {
        // Taken, or removed by someone else, since it was listed.
        if (!isKind(error, "conflict") && !isKind(error, "not_found")) throw error;
      }
    }
    publishPrune(this.#events, "volume", reclaimedBytes);
    return { removed, reclaimedBytes, discarded };
  }

  /** Mounts stay for the containers that outlive the engine. */
  async [Symbol.asyncDispose](): Promise<void> {}

  #row(name: string): VolumeRow {
    const row = this.#table.get(name);
    if (row === undefined) throw absent(name);
    return row;
  }

  #describe(name: string, spec: Parameters<Volumes["create"]>[0]): Volume {
    return {
      name,
      driver: "local",
      mountpoint: path.join(this.#folder, name, "_data"),
      createdAt: this.#clock
        .now()
        .toISOString()
        .replace(/\.\d+Z$/, "Z"),
      labels: { ...spec.labels },
      options: { ...spec.options },
      isAnonymous: Object.hasOwn(spec.labels ?? {}, ANONYMOUS_LABEL),
    };
  }

  async #ensureFolder(name: string): Promise<void> {
    const data = path.join(this.#folder, name, "_data");
    try {
      await stat(data);
    } catch (error) {
      if (errno(error) !== "ENOENT") throw error;
      await mkdir(path.dirname(data), { recursive: true, mode: 0o701 });
      await mkdir(data);
      // Whatever the engine's umask is.
      await chmod(data, 0o755);
    }
  }

  async #unmount(name: string): Promise<void> {
    const volume = this.#table.get(name)?.volume;
    if (volume === undefined || Object.keys(volume.options).length === 0) return;
    if (await this.#host.isMountPoint(volume.mountpoint))
      await this.#host.unmountDevice(volume.mountpoint, AbortSignal.timeout(30_000));
  }

  #announce(action: string, name: string, attributes: Readonly<Record<string, string>>): void {
    this.#events.publish({ type: "volume", action, actorId: name, attributes });
  }
}

const absent = (name: string): LongshoreError =>
  new LongshoreError("not_found", `get ${name}: no such volume`);

function refuseKnown({ volume }: TrashedVolume, name: string, ids: readonly string[]): void {
  if (ids.length > 0)
    throw new LongshoreError(
      "conflict",
      `cannot restore volume "${volume.name}" as "${name}": containers in the trash have it mounted - [${ids.join(", ")}]`,
    );
}
