import { unlessAborted } from "#kernel";

/** Work under way that several wait for; it ends when the last of them is gone. What comes of it only one can have. */
export class Flight<T extends AsyncDisposable> {
  readonly done: Promise<void>;
  #made: T | undefined;
  readonly #stop = new AbortController();
  readonly #watchers = new Set<(done: number) => void>();

  constructor(run: (signal: AbortSignal, onDone: (bytes: number) => void) => Promise<T | undefined>) {
    const running = run(this.#stop.signal, (bytes) => {
      for (const watcher of this.#watchers) watcher(bytes);
    });
    this.done = running.then((made) => {
      this.#made = made;
    });
    this.done.catch(() => {});
  }

  /** Nobody wants it any more: who comes now begins anew. */
  get isAbandoned(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What was made is the first one's who comes here to the end: it disposes it. */
  async join(onBytes: (done: number) => void, signal: AbortSignal): Promise<T | undefined> {
    // Two waiters may bring the same function.
    const watcher = (done: number): void => onBytes(done);
    this.#watchers.add(watcher);
    try {
      await unlessAborted(this.done, signal);
      return this.#take();
    } finally {
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) {
        this.#stop.abort(new Error("nobody wants this any more"));
        // What it had begun is gone before its last waiter tells of it.
        await this.done.catch(() => {});
        await this.#take()?.[Symbol.asyncDispose]();
      }
    }
  }

  #take(): T | undefined {
    const made = this.#made;
    this.#made = undefined;
    return made;
  }
}
