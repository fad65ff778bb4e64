import { systemClock, type Clock } from "#kernel";
import type { Events } from "./contract.ts";
import { EventLog } from "./event-log.ts";

export type * from "./contract.ts";

/** Opens the engine's event log. Nothing to dispose: subscriptions end with their signals. */
export function openEvents(clock: Clock = systemClock): Events {
  return new EventLog(clock);
}
