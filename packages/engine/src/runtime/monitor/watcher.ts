import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { Readiness } from "#host";

const BUSY_BYTES = 256 * 1024;

/**
 * The monitor's loop: one handler per descriptor, called when it is readable, returning how many bytes it moved.
 * While data flows it looks every millisecond only, so a container that writes line by line is not interrupted for each;
 * when nothing flows it sleeps in epoll without any timer.
 */
export class Watcher {
  readonly #readiness = new Readiness();
  readonly #handlers = new Map<number, () => number>();

  watch(fd: number, onReadable: () => number): void {
    this.#handlers.set(fd, onReadable);
    this.#readiness.add(fd);
  }

  /** Idempotent; call it before the descriptor is closed. */
  unwatch(fd: number): void {
    if (this.#handlers.delete(fd)) this.#readiness.remove(fd);
  }

  async run(): Promise<never> {
    for (;;) {
      const ready = await this.#readiness.wait();
      let movedBytes = 0;
      for (const fd of ready) movedBytes += this.#handlers.get(fd)?.() ?? 0;
      if (movedBytes >= BUSY_BYTES) await turn();
      else if (movedBytes > 0) await delay(1);
    }
  }
}
