import type { Container } from "#containers";
import type { EngineEvent, Events } from "#events";
import type { LastUse } from "../contract.ts";

/** Newest of what is known; undefined when nothing is. */
export function newest(uses: readonly (LastUse | undefined)[]): LastUse | undefined {
  return uses.reduce(
    (best, use) =>
      use !== undefined && (best === undefined || Date.parse(use.at) > Date.parse(best.at)) ? use : best,
    undefined,
  );
}

/** Of a container: now while it runs, else its last end, else its making. */
export function useOfContainer({ state, createdAt }: Container, now: Date): LastUse {
  if (state.pid !== 0) return { at: now.toISOString(), from: "running" };
  const ended = timeOf(state.finishedAt);
  return ended === undefined ? { at: createdAt, from: "created" } : { at: ended, from: "ended" };
}

/** Docker's "never" is a time of the year 1. */
function timeOf(text: string): string | undefined {
  return Date.parse(text) > 0 ? text : undefined;
}

/** By image (as it was named at create) and by volume: when a container last used it, as far back as events are kept. */
export async function usesInEvents(
  events: Events,
  now: Date,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, LastUse>> {
  const uses = new Map<string, LastUse>();
  const untilNano = BigInt(now.getTime()) * 1_000_000n;
  for await (const event of events.subscribe({ sinceNano: 0n, untilNano }, signal)) {
    const key = usedIn(event);
    if (key !== undefined)
      uses.set(key, { at: new Date(Number(event.timeNano / 1_000_000n)).toISOString(), from: "event" });
  }
  return uses;
}

function usedIn({ type, action, actorId, attributes }: EngineEvent): string | undefined {
  if (type === "volume" && (action === "mount" || action === "unmount")) return `volume ${actorId}`;
  if (type === "container" && ["create", "start", "die"].includes(action))
    return `image ${attributes["image"] ?? ""}`;
  return undefined;
}
