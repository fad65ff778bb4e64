import type { Clock } from "#kernel";
import type { EngineEvent, Events } from "./contract.ts";
import { openEvents } from "./index.ts";

/** Events that also keeps all that was ever published, for tests to look at. */
export class RecordedEvents implements Events {
  readonly #published: EngineEvent[] = [];
  readonly #events: Events;

  constructor(clock?: Clock) {
    this.#events = openEvents(clock);
  }

  /** Every event so far, oldest first. */
  get published(): readonly EngineEvent[] {
    return this.#published;
  }
  get listeners(): number {
    return this.#events.listeners;
  }
  /** What happened to one object, in order. */
  actions(actorId: string): readonly string[] {
    return this.#published.filter((event) => event.actorId === actorId).map(({ action }) => action);
  }

  publish(event: Omit<EngineEvent, "timeNano">): EngineEvent {
    const stamped = this.#events.publish(event);
    this.#published.push(stamped);
    return stamped;
  }
  subscribe(...given: Parameters<Events["subscribe"]>): AsyncIterable<EngineEvent> {
    return this.#events.subscribe(...given);
  }
}
