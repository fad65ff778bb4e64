import { closeSync } from "node:fs";
import { receiveDescriptors, sendDescriptors } from "#host";

/**
 * Descriptors that must outlive monitor and engine: they wait as messages in the queue of a socket pair whose two ends
 * the holder has as well. A message is moved to the other end's queue before it leaves this one,
 * so a death at any moment leaves it in at least one of them.
 */
export class FdStore implements Disposable {
  readonly #ends: readonly [number, number];
  /** Whose receive queue has the messages. */
  #full: 0 | 1 = 1;

  /** `ends`: what the holder, our parent, has too. */
  constructor(ends: readonly [number, number]) {
    this.#ends = ends;
  }

  /** Keeps copies of the descriptors under `key`, added to what is there already. */
  put(key: string, fds: Readonly<Record<string, number>>): void {
    const sender = this.#ends[this.#full === 0 ? 1 : 0];
    sendDescriptors(sender, { text: JSON.stringify([key, Object.keys(fds)]), fds: Object.values(fds) });
  }

  /** Forgets everything of `key`, or only the messages that carry `name`. */
  drop(key: string, name?: string): void {
    this.#move((at, names) => at !== key || (name !== undefined && !names.includes(name)), closeAll);
  }

  /** Takes over what lies in the queues of another holder's `ends`, each message first kept here, then dropped there. */
  inherit(ends: readonly [number, number]): void {
    const sender = this.#ends[this.#full === 0 ? 1 : 0];
    for (const end of ends)
      for (;;) {
        const message = receiveDescriptors(end, true);
        if (message === undefined || message.isEnded) break;
        sendDescriptors(sender, message);
        for (const fd of [...message.fds, ...(receiveDescriptors(end, false)?.fds ?? [])]) closeSync(fd);
      }
  }

  /** Copies of everything kept, by key and name; the caller owns them. */
  restore(): Map<string, Map<string, number>> {
    const found = new Map<string, Map<string, number>>();
    const everything = (): boolean => true;
    // A predecessor may have died while it moved messages: bring all to one side first.
    this.#full = 1;
    this.#move(everything, closeAll);
    this.#move(everything, (key, fds) => {
      const known = found.get(key) ?? new Map<string, number>();
      found.set(key, known);
      for (const [name, fd] of fds) {
        const before = known.get(name);
        if (before !== undefined) closeSync(before);
        known.set(name, fd);
      }
    });
    return found;
  }

  /** Moves the messages that `isKept` wants to the other queue; `take` then owns our copies of the descriptors. */
  #move(
    isKept: (key: string, names: readonly string[]) => boolean,
    take: (key: string, fds: ReadonlyMap<string, number>) => void,
  ): void {
    const source = this.#ends[this.#full];
    for (;;) {
      const message = receiveDescriptors(source, true);
      if (message === undefined || message.isEnded) break;
      const [key, names] = JSON.parse(message.text) as [string, string[]];
      // What is sent on an end arrives in the queue of the other one.
      if (isKept(key, names)) sendDescriptors(source, message);
      take(key, new Map(names.map((name, index) => [name, message.fds[index] ?? -1])));
      for (const fd of receiveDescriptors(source, false)?.fds ?? []) closeSync(fd);
    }
    this.#full = this.#full === 0 ? 1 : 0;
  }

  [Symbol.dispose](): void {
    for (const end of this.#ends) closeSync(end);
  }
}

function closeAll(_key: string, fds: ReadonlyMap<string, number>): void {
  for (const fd of fds.values()) closeSync(fd);
}
