import { LongshoreError, type Clock } from "#kernel";
import type { EngineEvent, EventQuery, Events } from "./contract.ts";

const KEPT = 1024;
const BACKLOG = 4096;

interface Subscriber {
  readonly waiting: EngineEvent[];
  wake: () => void;
  isCut: boolean;
}

/** Events in memory: the last 1024 are kept for `since`, as dockerd keeps 256. */
export class EventLog implements Events {
  readonly #kept: EngineEvent[] = [];
  readonly #subscribers = new Set<Subscriber>();
  readonly #clock: Clock;
  #lastNano = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get listeners(): number {
    return this.#subscribers.size;
  }

  publish(event: Omit<EngineEvent, "timeNano">): EngineEvent {
    const now = BigInt(this.#clock.now().getTime()) * 1_000_000n;
    // Strictly rising, so that a client which resumes with since=last never sees two events as one.
    this.#lastNano = now > this.#lastNano ? now : this.#lastNano + 1n;
    const stamped: EngineEvent = { ...event, timeNano: this.#lastNano };
    this.#kept.push(stamped);
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const subscriber of this.#subscribers) {
      if (subscriber.waiting.length >= BACKLOG) {
        subscriber.isCut = true;
        this.#subscribers.delete(subscriber);
      } else subscriber.waiting.push(stamped);
      subscriber.wake();
    }
    return stamped;
  }

  subscribe(query: EventQuery, signal: AbortSignal): AsyncIterable<EngineEvent> {
    const { sinceNano, untilNano, matches = () => true } = query;
    const past =
      sinceNano === undefined && untilNano === undefined
        ? []
        : this.#kept.filter((event) => event.timeNano >= (sinceNano ?? 0n));
    const subscriber: Subscriber = { waiting: past, wake: () => {}, isCut: false };
    const nowNano = BigInt(this.#clock.now().getTime()) * 1_000_000n;
    const isLive = untilNano === undefined || untilNano > nowNano;
    if (isLive) this.#subscribers.add(subscriber);
    const limit = new AbortController();
    const stop = AbortSignal.any([signal, limit.signal]);
    const onStop = (): void => {
      this.#subscribers.delete(subscriber);
      subscriber.wake();
    };
    stop.addEventListener("abort", onStop, { once: true });
    const timer =
      isLive && untilNano !== undefined
        ? setTimeout(() => limit.abort(), Math.min(Number((untilNano - nowNano) / 1_000_000n), 2 ** 31 - 1))
        : undefined;
    return this.#drain(subscriber, isLive, untilNano, matches, stop, () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", onStop);
      this.#subscribers.delete(subscriber);
    });
  }

  async *#drain(
    subscriber: Subscriber,
    isLive: boolean,
    untilNano: bigint | undefined,
    matches: (event: EngineEvent) => boolean,
    stop: AbortSignal,
    release: () => void,
  ): AsyncGenerator<EngineEvent> {
    try {
      for (;;) {
        for (
          let event = subscriber.waiting.shift();
          event !== undefined;
          event = subscriber.waiting.shift()
        ) {
          if (untilNano !== undefined && event.timeNano > untilNano) return;
          if (matches(event)) yield event;
        }
        if (subscriber.isCut)
          throw new LongshoreError(
            "unavailable",
            `event subscriber fell ${BACKLOG} events behind and was cut`,
          );
        if (!isLive || stop.aborted) return;
        const woken = Promise.withResolvers<void>();
        subscriber.wake = woken.resolve;
        if (subscriber.waiting.length === 0) await woken.promise;
      }
    } finally {
      release();
    }
  }
}
