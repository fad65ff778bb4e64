import { closeSync, openSync, readFileSync } from "node:fs";
import { syncInBackground, trimMemory } from "#host";
import type { Logger } from "#kernel";
import type { Digest } from "#spec";

/** Names this run of the kernel: what was written in it is in its page cache at least. Source: random(4), boot_id. */
export function currentBoot(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
}

/**
 * Brings layers to the disk after they were sealed, in the background, so that nobody who loads or pulls an image waits for the disk.
 * Until then their records name the boot they were written in (docs/adr/0008).
 */
export class LateSync implements Disposable {
  readonly #root: string;
  readonly #log: Logger;
  readonly #onSynced: (chainIds: readonly Digest[]) => void;
  readonly #quietMs: number;
  #waiting = new Set<Digest>();
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isDisposed = false;

  /** Layers that come within `quietMs` of each other share a sync. */
  constructor(root: string, log: Logger, quietMs: number, onSynced: (chainIds: readonly Digest[]) => void) {
    this.#quietMs = quietMs;
    this.#root = root;
    this.#log = log;
    this.#onSynced = onSynced;
  }

  add(chainId: Digest): void {
    this.#waiting.add(chainId);
    if (this.#running === undefined) this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#isDisposed || this.#waiting.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#sync().finally(() => {
        this.#running = undefined;
        this.#schedule();
      });
    }, this.#quietMs).unref();
  }

  async #sync(): Promise<void> {
    const batch = this.#waiting;
    this.#waiting = new Set();
    const fd = openSync(this.#root, "r");
    try {
      await syncInBackground(fd);
      if (!this.#isDisposed) this.#onSynced([...batch]);
      // The threads that unpacked are gone; what they freed still counts as this process's.
      await trimMemory();
    } catch (error) {
      this.#log.error("layers could not be brought to the disk; their records keep saying so", { error });
    } finally {
      closeSync(fd);
    }
  }

  /** What waits stays marked, and is synced after the next start. */
  [Symbol.dispose](): void {
    this.#isDisposed = true;
    clearTimeout(this.#timer);
  }
}
