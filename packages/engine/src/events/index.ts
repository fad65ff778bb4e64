import { systemClock, type Clock } from "#kernel";
import type { EngineEvent, Events } from "./contract.ts";
import { EventLog } from "./event-log.ts";

export type * from "./contract.ts";

/** What every prune ends with: who shows a list reads it anew. */
export function publishPrune(events: Events, type: EngineEvent["type"], reclaimedBytes: number): void {
  events.publish({
    type,
    action: "prune",
    actorId: "",
    attributes: { reclaimed: String(reclaimedBytes) },
  });
}

/** Opens the engine's event log. Nothing to dispose: subscriptions end with their signals. */
export function openEvents(clock: Clock = systemClock): Events {
  return new EventLog(clock);
}
