/** What happened to one object. Source: Docker Engine API, GET /events. */
export interface EngineEvent {
  readonly type: "container" | "image" | "volume" | "network" | "daemon" | "builder" | "plugin";
  readonly action: string;
  readonly actorId: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Nanoseconds since the epoch. */
  readonly timeNano: bigint;
}

export interface EventQuery {
  /** Nanoseconds since the epoch; past events from here are replayed first. */
  readonly sinceNano?: bigint;
  /** The stream ends here; a past value means replay and end. Without a since all that is kept comes first, as Docker has it. */
  readonly untilNano?: bigint;
  readonly matches?: (event: EngineEvent) => boolean;
}

export interface Events {
  /** Subscriptions that are not over. */
  readonly listeners: number;
  /** Stamps and publishes; never waits for a subscriber. */
  publish(event: Omit<EngineEvent, "timeNano">): EngineEvent;
  /** Subscribed from the moment of the call (not of the first read). A subscriber 4096 events behind is cut: `unavailable`. */
  subscribe(query: EventQuery, signal: AbortSignal): AsyncIterable<EngineEvent>;
}
