import type { StatsSample } from "@longshore/protocol";
import type { Meter } from "./store.ts";

const HISTORY = 60;

/**
 * Adds samples to `histories` and gives the meters to show. A container that does nothing keeps its meter, a longer flat line being no
 * news: fifty sleeping containers paint nothing.
 */
export function showSamples(
  meters: ReadonlyMap<string, Meter>,
  histories: Map<string, number[]>,
  samples: readonly StatsSample[],
): ReadonlyMap<string, Meter> {
  let next: Map<string, Meter> | undefined;
  for (const sample of samples) {
    const history = [...(histories.get(sample.id) ?? []), sample.cpuPercent].slice(-HISTORY);
    histories.set(sample.id, history);
    const shown = meters.get(sample.id);
    const isFlat = [...history, ...(shown?.cpuHistory ?? [])].every((value) => value === sample.cpuPercent);
    if (shown !== undefined && isFlat && isSame(shown.sample, sample)) continue;
    next ??= new Map(meters);
    next.set(sample.id, { sample, cpuHistory: history });
  }
  return next ?? meters;
}

function isSame(a: StatsSample, b: StatsSample): boolean {
  return (
    a.cpuPercent === b.cpuPercent &&
    a.memoryBytes === b.memoryBytes &&
    a.memoryLimitBytes === b.memoryLimitBytes &&
    a.receivedBytes === b.receivedBytes &&
    a.sentBytes === b.sentBytes &&
    a.processes === b.processes
  );
}
