import { closeSync, rmSync } from "node:fs";
import { acceptUnix, listenUnix, receiveDescriptors, setNonBlocking } from "#host";
import type { Watcher } from "./watcher.ts";

/** Receives a terminal's master from an OCI runtime (--console-socket). */
export class ConsoleSocket implements Disposable {
  readonly #path: string;
  readonly #watcher: Watcher;
  readonly #received = Promise.withResolvers<number>();
  readonly #open = new Set<number>();

  constructor(path: string, watcher: Watcher) {
    this.#path = path;
    this.#watcher = watcher;
    this.#received.promise.catch(() => {});
    rmSync(path, { force: true });
    const listener = listenUnix(path);
    this.#open.add(listener);
    watcher.watch(listener, () => {
      const connection = acceptUnix(listener);
      if (connection === undefined) return 0;
      this.#open.add(connection);
      // The message may come after the connection: wait for it, closing now would fail the runtime.
      watcher.watch(connection, () => this.#receive(connection));
      return 0;
    });
  }

  /** The master, non-blocking; ours to close. Rejects when disposed before it came. */
  get master(): Promise<number> {
    return this.#received.promise;
  }

  #receive(connection: number): number {
    const message = receiveDescriptors(connection, false);
    if (message === undefined) return 0;
    this.#close(connection);
    const [master, ...surplus] = message.fds;
    for (const fd of surplus) closeSync(fd);
    if (master === undefined) return 0;
    setNonBlocking(master);
    this.#received.resolve(master);
    return 0;
  }

  #close(fd: number): void {
    if (!this.#open.delete(fd)) return;
    this.#watcher.unwatch(fd);
    closeSync(fd);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) this.#close(fd);
    rmSync(this.#path, { force: true });
    this.#received.reject(new Error("the runtime sent no terminal"));
  }
}
