import type { Logger } from "./logger.ts";

/** Owns background work: every promise started here is awaited at dispose, after its signal was aborted. */
export class TaskOwner implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Runs `work`; a failure after the stop is silence, any other is logged as a bug under `name`. */
  run(name: string, work: (signal: AbortSignal) => Promise<void>): void {
    const task = work(this.#stop.signal)
      .catch((error: unknown) => {
        if (!this.#stop.signal.aborted) this.#log.error("background task failed", { task: name, error });
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error("engine stops"));
    await Promise.allSettled(this.#running);
  }
}
