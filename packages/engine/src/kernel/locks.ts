/** Locks by name, first come first served. A held lock is a disposable. */
export class KeyedLocks {
  readonly #tails = new Map<string, Promise<void>>();

  /** Waits for `key`, for as long as it takes without a signal; rejects with the signal's reason when aborted, and then leaves the queue. */
  async hold(key: string, signal?: AbortSignal): Promise<AsyncDisposable> {
    signal?.throwIfAborted();
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = Promise.withResolvers<void>();
    const tail = before.then(() => mine.promise);
    this.#tails.set(key, tail);
    const release = (): void => {
      mine.resolve();
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    };
    try {
      await (signal === undefined ? before : unlessAborted(before, signal));
    } catch (error) {
      void before.then(release);
      throw error;
    }
    return { [Symbol.asyncDispose]: async () => release() };
  }
}

/** Settles as `promise` does, or rejects with the signal's reason when that comes first. */
export async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
