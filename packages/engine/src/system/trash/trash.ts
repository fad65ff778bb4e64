import { KeyedLocks, LongshoreError, TaskOwner } from "#kernel";
import { parseReference } from "#spec";
import type {
  DiskRef,
  DiskSpace,
  Reclaim,
  Trash,
  TrashEntry,
  TrashKind,
  TrashLimits,
  TrashReport,
} from "../contract.ts";
import type { SystemDeps } from "../index.ts";
import { surveyTrash } from "../reclaim/survey.ts";
import { isLow, overAge, overQuota, trashKeyOf, usedBytes } from "./due.ts";
import { entriesOf, type Entry, findEntry, purgeEntry } from "./entries.ts";
import { isOff, quotaBytes } from "./settings.ts";

/** How often a trash with something in it looks at the clock and the disk. */
const LOOK_MS = 60_000;

/** The trash over the rooms that hold its objects. Its own is only when what goes: no timer runs while it is empty. */
export class TrashRoom implements Trash, AsyncDisposable {
  readonly #deps: SystemDeps;
  readonly #reclaim: Reclaim;
  readonly #space: () => Promise<DiskSpace>;
  readonly #tasks: TaskOwner;
  readonly #locks = new KeyedLocks();
  #watch: AbortController | undefined;

  constructor(deps: SystemDeps, reclaim: Reclaim, space: () => Promise<DiskSpace>) {
    this.#deps = deps;
    this.#reclaim = reclaim;
    this.#space = space;
    this.#tasks = new TaskOwner(deps.log);
    this.#setWatch();
  }

  async limits(): Promise<TrashLimits> {
    const { trash } = this.#deps;
    const { totalBytes } = await this.#space();
    return {
      quotaBytes: quotaBytes(trash, totalBytes),
      maxAgeSeconds: Math.floor(trash.maxAgeMs / 1000),
    };
  }

  async report(signal: AbortSignal): Promise<TrashReport> {
    const { trash } = this.#deps;
    const ledger = await surveyTrash(this.#deps, signal);
    const entries = entriesOf(this.#deps);
    return {
      ...(await this.limits()),
      entries: entries.map((entry): TrashEntry => ({
        ...entry,
        expiresAt: new Date(Date.parse(entry.removedAt) + trash.maxAgeMs).toISOString(),
        exclusiveBytes: ledger.gain(new Set([trashKeyOf(entry)])),
        brings: this.#brings(entry),
      })),
      usedBytes: usedBytes(ledger, entries),
    };
  }

  #brings({ kind, id }: Entry): TrashEntry["brings"] {
    if (kind !== "container") return [];
    const imageId = this.#deps.containers.trashed().find(({ container }) => container.id === id)
      ?.container.imageId;
    const isThere = this.#deps.images.list().some((image) => image.id === imageId);
    const image = this.#deps.images.trashed().find(({ images }) => images.some((one) => one === imageId));
    return [
      ...this.#deps.volumes.keptFor(id).map(({ volume }) => ({ kind: "volume" as const, name: volume.name })),
      ...(isThere || image === undefined
        ? []
        : [{ kind: "image" as const, name: image.names[0] ?? image.id }]),
    ];
  }

  async discard(
    kind: TrashKind,
    name: string,
    options: { readonly isForced: boolean; readonly hasVolumes: boolean },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const { containers, images, volumes } = this.#deps;
    return await this.discarding(async () => {
      if (kind === "container") return await containers.discard(name, options, signal);
      if (kind === "volume") return await volumes.discard(name, {});
      return (await images.discard(name, { isForced: options.isForced, isPruningParents: true })).key;
    });
  }

  async discarding<T>(remove: () => Promise<T>): Promise<T> {
    if (isOff(this.#deps.trash))
      throw new LongshoreError(
        "unavailable",
        "the trash is off (--trash-quota 0), want a removal for good instead",
      );
    try {
      return await remove();
    } finally {
      await this.#sweepQuietly({ isNewestSpared: true }, this.#tasks.signal);
      this.#setWatch();
    }
  }

  async restore(
    id: string,
    options: { readonly name?: string; readonly volumes?: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): ReturnType<Trash["restore"]> {
    // The sweep must not take what is on its way out.
    await using _ = await this.#locks.hold("trash", signal);
    const entry = findEntry(this.#deps, id);
    const restored = await this.#restore(entry, options, signal);
    this.#setWatch();
    return { kind: entry.kind, ...restored };
  }

  async #restore(
    { kind, id, name }: Entry,
    options: { readonly name?: string; readonly volumes?: Readonly<Record<string, string>> },
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly warnings: readonly string[] }> {
    const { containers, images, volumes } = this.#deps;
    const wanted = options.name === undefined || options.name === "" ? undefined : options.name;
    if (kind === "container")
      return await containers.restore(
        id,
        {
          ...(wanted !== undefined && { name: wanted }),
          ...(options.volumes !== undefined && { volumes: options.volumes }),
        },
        signal,
      );
    if (kind === "volume") {
      const volume = await volumes.restore(id, wanted === undefined ? {} : { name: wanted });
      return { name: volume.name, warnings: [] };
    }
    await images.restore(id, wanted === undefined ? {} : { name: parseReference(wanted) });
    return { name: wanted ?? name, warnings: [] };
  }

  async empty(ids: readonly string[] | undefined, signal: AbortSignal): ReturnType<Trash["empty"]> {
    await using _ = await this.#locks.hold("trash", signal);
    const entries = ids?.map((id) => findEntry(this.#deps, id)) ?? entriesOf(this.#deps);
    const refs = entries.map(({ id, name }): DiskRef => ({ kind: "trash", id, name }));
    const done = await this.#reclaim.remove(refs, signal);
    this.#setWatch();
    return done;
  }

  /** Takes what is too old, what is too much, and, while the disk is nearly full, the oldest. */
  async #sweep(options: { readonly isNewestSpared: boolean }, signal: AbortSignal): Promise<void> {
    await using _ = await this.#locks.hold("trash", signal);
    const { trash, clock } = this.#deps;
    for (const entry of overAge(entriesOf(this.#deps), trash.maxAgeMs, clock.now()))
      await this.#purge(entry, "age");
    const { totalBytes } = await this.#space();
    const entries = entriesOf(this.#deps);
    if (entries.length > 1) {
      const ledger = await surveyTrash(this.#deps, signal);
      for (const entry of overQuota(ledger, entries, quotaBytes(trash, totalBytes)))
        await this.#purge(entry, "quota");
    }
    const left = entriesOf(this.#deps);
    for (const entry of options.isNewestSpared ? left.slice(0, -1) : left) {
      if (!isLow(await this.#space())) return;
      await this.#purge(entry, "a full disk");
    }
  }

  /** What could not go goes at the next look. */
  async #sweepQuietly(options: { readonly isNewestSpared: boolean }, signal: AbortSignal): Promise<void> {
    try {
      await this.#sweep(options, signal);
    } catch (error) {
      if (!signal.aborted) this.#deps.log.error("the trash could not be swept", { error });
    }
  }

  async #purge(entry: Entry, why: string): Promise<void> {
    await purgeEntry(this.#deps, entry);
    const { kind, name } = entry;
    this.#deps.log.info("the trash was emptied of an entry", { kind, name, why });
  }

  /** A watch runs exactly while there is something to watch. */
  #setWatch(): void {
    if (entriesOf(this.#deps).length === 0) {
      this.#watch?.abort(new Error("the trash is empty"));
      this.#watch = undefined;
      return;
    }
    if (this.#watch !== undefined) return;
    const stop = new AbortController();
    this.#watch = stop;
    this.#tasks.run("watch the trash", async (engineStops) => {
      const signal = AbortSignal.any([stop.signal, engineStops]);
      while (this.#watch === stop) {
        await this.#deps.clock.sleep(this.#untilNextLook(), signal).catch((error: unknown) => {
          if (!stop.signal.aborted) throw error;
        });
        if (signal.aborted) return;
        await this.#sweepQuietly({ isNewestSpared: false }, signal);
        this.#setWatch();
      }
    });
  }

  #untilNextLook(): number {
    const { trash, clock } = this.#deps;
    const [oldest] = entriesOf(this.#deps);
    if (oldest === undefined) return LOOK_MS;
    const leftMs = Date.parse(oldest.removedAt) + trash.maxAgeMs - clock.now().getTime();
    return Math.min(Math.max(leftMs, 1), LOOK_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch = undefined;
    await this.#tasks[Symbol.asyncDispose]();
  }
}
