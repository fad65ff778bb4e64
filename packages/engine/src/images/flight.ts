import { unlessAborted } from "#kernel";

/** Work under way that several wait for; it ends when the last of them is gone. */
export class Flight {
  readonly done: Promise<void>;
  readonly #stop = new AbortController();
  readonly #watchers = new Set<(done: number) => void>();

  constructor(run: (signal: AbortSignal, onDone: (bytes: number) => void) => Promise<void>) {
    this.done = run(this.#stop.signal, (bytes) => {
      for (const watcher of this.#watchers) watcher(bytes);
    });
    this.done.catch(() => {});
  }

  /** Nobody wants it any more: who comes now begins anew. */
  get isAbandoned(): boolean {
    return this.#stop.signal.aborted;
  }

  async join(onBytes: (done: number) => void, signal: AbortSignal): Promise<void> {
    // Two waiters may bring the same function.
    const watcher = (done: number): void => onBytes(done);
    this.#watchers.add(watcher);
    try {
      await unlessAborted(this.done, signal);
    } finally {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) {
        this.#stop.abort(new Error("nobody wants this any more"));
        // What it had begun is gone before its last waiter tells of it.
        await this.done.catch(() => {});
      }
    }
  }
}
