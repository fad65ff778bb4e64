import path from "node:path";
import type { Cgroups, CgroupStats } from "../contract.ts";

interface Group {
  readonly pids: Set<number>;
  isFrozen: boolean;
  oomKills: number;
  limits: FakeLimits;
  usage: Partial<Pick<CgroupStats, "cpu" | "blockIo">> & { readonly memoryBytes?: number };
}
interface FakeLimits {
  readonly memoryBytes?: number;
  readonly pids?: number;
}

/** Cgroups without a kernel: a test makes groups, puts processes into them and says what they use. */
export class FakeCgroups implements Cgroups {
  readonly #groups = new Map<string, Group>();

  /** Makes the cgroup, and those above it, as the OCI runtime does. */
  create(cgroupsPath: string, limits: FakeLimits = {}): void {
    const place = path.resolve("/", cgroupsPath);
    for (let above = path.dirname(place); above !== "/"; above = path.dirname(above))
      if (!this.#groups.has(above)) this.#groups.set(above, emptyGroup({}));
    if (!this.#groups.has(place)) this.#groups.set(place, emptyGroup(limits));
  }
  /** Moves a process in. */
  join(cgroupsPath: string, pid: number): void {
    this.leave(pid);
    this.#need(cgroupsPath).pids.add(pid);
  }
  /** The process has ended; `isOomKilled` when the kernel ended it for lack of memory. */
  leave(pid: number, isOomKilled = false): void {
    for (const group of this.#groups.values()) if (group.pids.delete(pid) && isOomKilled) group.oomKills++;
  }
  use(cgroupsPath: string, usage: Group["usage"]): void {
    this.#need(cgroupsPath).usage = usage;
  }
  /** True when it, or one above it, is frozen. */
  isFrozen(cgroupsPath: string): boolean {
    return this.#above(cgroupsPath).some((group) => group.isFrozen);
  }

  stats(cgroupsPath: string): CgroupStats | undefined {
    const group = this.#groups.get(path.resolve("/", cgroupsPath));
    if (group === undefined) return undefined;
    const { limits, usage } = group;
    return {
      memory: {
        usageBytes: usage.memoryBytes ?? 0,
        ...(limits.memoryBytes !== undefined && { limitBytes: limits.memoryBytes }),
        failures: 0,
        stat: {},
      },
      cpu: usage.cpu ?? {
        usageNano: 0,
        userNano: 0,
        systemNano: 0,
        periods: 0,
        throttledPeriods: 0,
        throttledNano: 0,
      },
      pids: {
        current: this.pids(cgroupsPath).length,
        ...(limits.pids !== undefined && { limit: limits.pids }),
      },
      blockIo: usage.blockIo ?? [],
    };
  }

  oomKillCount(cgroupsPath: string): number {
    return this.#groups.get(path.resolve("/", cgroupsPath))?.oomKills ?? 0;
  }

  pids(cgroupsPath: string): readonly number[] {
    return this.#below(cgroupsPath).flatMap(([, { pids }]) => [...pids]);
  }

  setFrozen(cgroupsPath: string, isFrozen: boolean): boolean {
    const group = this.#groups.get(path.resolve("/", cgroupsPath));
    if (group === undefined) return false;
    group.isFrozen = isFrozen;
    return true;
  }

  remove(cgroupsPath: string): boolean {
    for (const [place] of this.#below(cgroupsPath).toReversed())
      if (this.pids(place).length === 0) this.#groups.delete(place);
    return !this.#groups.has(path.resolve("/", cgroupsPath));
  }

  /** The group and those below it, those above first. */
  #below(cgroupsPath: string): [string, Group][] {
    const place = path.resolve("/", cgroupsPath);
    return [...this.#groups]
      .filter(([name]) => name === place || name.startsWith(`${place}/`))
      .toSorted(([one], [other]) => one.length - other.length);
  }
  #above(cgroupsPath: string): Group[] {
    const place = path.resolve("/", cgroupsPath);
    return [...this.#groups]
      .filter(([name]) => name === place || place.startsWith(`${name}/`))
      .map(([, group]) => group);
  }
  #need(cgroupsPath: string): Group {
    const group = this.#groups.get(path.resolve("/", cgroupsPath));
    if (group === undefined) throw new Error(`no cgroup "${cgroupsPath}" on the fake machine`);
    return group;
  }
}

const emptyGroup = (limits: FakeLimits): Group => ({
  pids: new Set(),
  isFrozen: false,
  oomKills: 0,
  limits,
  usage: {},
});
