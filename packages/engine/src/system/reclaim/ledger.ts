import type { DiskRef } from "../contract.ts";

/** One thing that takes room on the disk for whoever holds it: a layer's tree, an archive, a writable layer, a volume. */
export interface Unit {
  readonly key: string;
  readonly diskBytes: number;
}

/** An object with everything that stays on the disk as long as the object does. */
export interface Holder {
  readonly ref: DiskRef;
  readonly units: readonly string[];
  /** Objects that can't go while this one stays: a container's volumes and image, an image's parent. */
  readonly requires: readonly string[];
  /** It can't go as it is: a container that runs. */
  readonly refusal?: string;
}

export interface Blocked {
  readonly ref: DiskRef;
  readonly why: string;
  readonly by: readonly DiskRef[];
}

export const keyOf = ({ kind, id }: Pick<DiskRef, "kind" | "id">): string => `${kind} ${id}`;

/** Who holds what. A unit's bytes come back when the last of its holders goes, so the gain of a set is more than the sum of its members'. */
export class Ledger {
  readonly #bytes: ReadonlyMap<string, number>;
  readonly #holders: ReadonlyMap<string, Holder>;
  readonly #byUnit = new Map<string, Holder[]>();
  readonly #requirers = new Map<string, Holder[]>();

  constructor(units: readonly Unit[], holders: readonly Holder[]) {
    this.#bytes = new Map(units.map(({ key, diskBytes }) => [key, diskBytes]));
    this.#holders = new Map(holders.map((holder) => [keyOf(holder.ref), holder]));
    for (const holder of holders) {
      for (const unit of holder.units) append(this.#byUnit, unit, holder);
      for (const key of holder.requires) append(this.#requirers, key, holder);
    }
  }

  holder(key: string): Holder | undefined {
    return this.#holders.get(key);
  }

  holdersOf(unit: string): readonly Holder[] {
    return this.#byUnit.get(unit) ?? [];
  }

  bytesOf(unit: string): number {
    return this.#bytes.get(unit) ?? 0;
  }

  /** Bytes that come back when all of `keys` go, and nothing else. */
  gain(keys: ReadonlySet<string>): number {
    const units = new Set([...keys].flatMap((key) => this.#holders.get(key)?.units ?? []));
    let bytes = 0;
    for (const unit of units)
      if (this.holdersOf(unit).every(({ ref }) => keys.has(keyOf(ref)))) bytes += this.bytesOf(unit);
    return bytes;
  }

  /** What of an object comes back when it goes alone, what does not, and who keeps that. */
  shares(key: string): { exclusiveBytes: number; sharedBytes: number; sharedWith: readonly DiskRef[] } {
    const units = this.#holders.get(key)?.units ?? [];
    const exclusiveBytes = this.gain(new Set([key]));
    const sharedWith = new Map<string, DiskRef>();
    for (const unit of units)
      for (const { ref } of this.holdersOf(unit)) if (keyOf(ref) !== key) sharedWith.set(keyOf(ref), ref);
    const total = units.reduce((sum, unit) => sum + this.bytesOf(unit), 0);
    return { exclusiveBytes, sharedBytes: total - exclusiveBytes, sharedWith: [...sharedWith.values()] };
  }

  /** The members of a set that would be refused: they run, or one outside of the set, or refused itself, requires them. */
  blocked(keys: ReadonlySet<string>): readonly Blocked[] {
    const going = new Set(keys);
    const blocked = new Map<string, Blocked>();
    for (let isStable = false; !isStable;) {
      isStable = true;
      for (const key of Array.from(going)) {
        const holder = this.#holders.get(key);
        if (holder === undefined) continue;
        const by = (this.#requirers.get(key) ?? [])
          .map(({ ref }) => ref)
          .filter((ref) => !going.has(keyOf(ref)));
        if (holder.refusal === undefined && by.length === 0) continue;
        blocked.set(key, { ref: holder.ref, why: holder.refusal ?? "it is in use", by });
        going.delete(key);
        isStable = false;
      }
    }
    return [...blocked.values()];
  }
}

function append(map: Map<string, Holder[]>, key: string, holder: Holder): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [holder]);
  else list.push(holder);
}
