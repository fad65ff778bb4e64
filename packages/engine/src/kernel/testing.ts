import type { Clock } from "./clock.ts";

interface Sleeper {
  readonly at: number;
  readonly resolve: () => void;
}

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  #nowMs: number;
  readonly #sleepers = new Set<Sleeper>();

  constructor(startMs: number = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  now(): Date {
    return new Date(this.#nowMs);
  }

  async sleep(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { at: this.#nowMs + ms, resolve };
    const onAbort = (): void => reject(signal.reason);
    this.#sleepers.add(sleeper);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      await promise;
    } finally {
      this.#sleepers.delete(sleeper);
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** How long each sleeper still waits, shortest first. */
  get waits(): readonly number[] {
    return [...this.#sleepers].map(({ at }) => at - this.#nowMs).toSorted((a, b) => a - b);
  }

  /** Moves on by `ms` and wakes whoever waited that long. */
  advance(ms: number): void {
    this.#nowMs += ms;
    for (const sleeper of this.#sleepers) if (sleeper.at <= this.#nowMs) sleeper.resolve();
  }
}
