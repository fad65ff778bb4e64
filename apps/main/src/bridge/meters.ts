import { setTimeout as sleep } from "node:timers/promises";
import { DockerError } from "@longshore/client";
import type { ContainerStats, StatsSample } from "@longshore/protocol";
import type { Outlet } from "./port-stream.ts";
import { toSample } from "./stats.ts";

/** Reads one container's counters as they are now (Docker Engine API 1.41, stats with one-shot). */
export type ReadCounters = (id: string, signal: AbortSignal) => Promise<Partial<ContainerStats>>;

export interface MeterPace {
  /** Between two rounds. */
  readonly everyMs: number;
  /** Before the second round of containers that have no counters to compare with yet. */
  readonly firstMs: number;
}

const AT_ONCE = 8;
const SAMPLE_BYTES = 128;

/**
 * Counters of containers while somebody looks at them, compared with those of the round before: the engine is asked once a round and
 * container, and has nothing to do between rounds. A use needs two readings, so nothing is said of a container after its first.
 */
export class Meters {
  readonly #read: ReadCounters;
  readonly #pace: MeterPace;
  readonly #before: Map<string, ContainerStats> = new Map();

  constructor(read: ReadCounters, pace: MeterPace) {
    this.#read = read;
    this.#pace = pace;
  }

  /** Sends the samples of each round together, until `out` is closed. */
  async follow(ids: readonly string[], out: Outlet<readonly StatsSample[]>): Promise<void> {
    const followed = new Set(ids);
    // Scrolling changes a few of many: those that stay are compared at once, those that left would be compared with old times.
    for (const id of this.#before.keys()) if (!followed.has(id)) this.#before.delete(id);
    let waitMs = ids.some((id) => !this.#before.has(id)) ? this.#pace.firstMs : this.#pace.everyMs;
    for (;;) {
      const samples = await this.#round(ids, out.signal);
      if (samples.length > 0) await out.send(samples, samples.length * SAMPLE_BYTES);
      await sleep(waitMs, undefined, { signal: out.signal });
      waitMs = this.#pace.everyMs;
    }
  }

  async #round(ids: readonly string[], signal: AbortSignal): Promise<readonly StatsSample[]> {
    const samples: StatsSample[] = [];
    const queue = ids.values();
    const ask = async (): Promise<void> => {
      for (const id of queue) {
        const sample = await this.#sample(id, signal);
        if (sample !== undefined) samples.push(sample);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, ask));
    return samples;
  }

  async #sample(id: string, signal: AbortSignal): Promise<StatsSample | undefined> {
    const before = this.#before.get(id);
    let now: Partial<ContainerStats>;
    try {
      now = await this.#read(id, signal);
    } catch (error) {
      signal.throwIfAborted();
      // A container that went away has no more to tell; the others go on.
      if (!(error instanceof DockerError)) throw error;
      this.#before.delete(id);
      return undefined;
    }
    if (!hasCounters(now)) {
      this.#before.delete(id);
      return undefined;
    }
    this.#before.set(id, now);
    return before === undefined ? undefined : toSample(id, { ...now, precpu_stats: before.cpu_stats });
  }
}

/** A container that doesn't run has none. */
function hasCounters(stats: Partial<ContainerStats>): stats is ContainerStats {
  return stats.cpu_stats !== undefined && stats.memory_stats !== undefined;
}
