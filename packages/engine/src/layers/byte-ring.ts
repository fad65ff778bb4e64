const CAPACITY_BYTES = 8 * 1024 * 1024;
/** Places in the control words. */
const WRITTEN = 0;
const READ = 1;
const ENDED = 2;
const GONE = 3;
/** A missed wake-up or a dead thread costs at most this. */
const RECHECK_MS = 50;

/** What both sides of a ring share; it travels as worker data. */
export interface RingMemory {
  readonly bytes: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

export const ringMemory = (): RingMemory => ({
  bytes: new SharedArrayBuffer(CAPACITY_BYTES),
  control: new SharedArrayBuffer(16),
});

/** The filling side: copies chunks into the ring and waits without blocking while it is full. Source: ECMAScript, Atomics.waitAsync. */
export class RingWriter {
  readonly #bytes: Uint8Array;
  readonly #control: Int32Array;

  constructor({ bytes, control }: RingMemory) {
    this.#bytes = new Uint8Array(bytes);
    this.#control = new Int32Array(control);
  }

  /** False when the reading side is gone, or `isOver` says so. */
  async write(chunk: Uint8Array, isOver: () => boolean): Promise<boolean> {
    for (let at = 0; at < chunk.byteLength;) {
      const written = Atomics.load(this.#control, WRITTEN);
      const read = Atomics.load(this.#control, READ);
      const free = CAPACITY_BYTES - ((written - read) >>> 0);
      if (Atomics.load(this.#control, GONE) === 1 || isOver()) return false;
      if (free === 0) {
        const change = Atomics.waitAsync(this.#control, READ, read, RECHECK_MS);
        if (change.async) await change.value;
        continue;
      }
      const start = (written >>> 0) % CAPACITY_BYTES;
      const count = Math.min(free, CAPACITY_BYTES - start, chunk.byteLength - at);
      this.#bytes.set(chunk.subarray(at, at + count), start);
      at += count;
      Atomics.store(this.#control, WRITTEN, (written + count) | 0);
      Atomics.notify(this.#control, WRITTEN);
    }
    return true;
  }

  end(): void {
    Atomics.store(this.#control, ENDED, 1);
    Atomics.notify(this.#control, WRITTEN);
  }
}

/** The emptying side, for a thread that may block. Pieces alias the ring: they are valid until `take` returns. */
export function readRing({ bytes, control }: RingMemory, take: (piece: Buffer) => void): void {
  const words = new Int32Array(control);
  try {
    for (;;) {
      const isEnding = Atomics.load(words, ENDED) === 1;
      const written = Atomics.load(words, WRITTEN);
      const read = Atomics.load(words, READ);
      const ready = (written - read) >>> 0;
      if (ready === 0) {
        if (isEnding) return;
        Atomics.wait(words, WRITTEN, written, RECHECK_MS);
        continue;
      }
      const start = (read >>> 0) % CAPACITY_BYTES;
      const count = Math.min(ready, CAPACITY_BYTES - start);
      take(Buffer.from(bytes, start, count));
      Atomics.store(words, READ, (read + count) | 0);
      Atomics.notify(words, READ);
    }
  } finally {
    Atomics.store(words, GONE, 1);
    Atomics.notify(words, READ);
  }
}
