const CAPACITY_BYTES = 4 * 1024 * 1024;
/** What is read at once: the rest of the ring may be filled meanwhile. */
const PIECE_BYTES = 1024 * 1024;
/** The reading side sleeps until so much is there: waking it for every chunk costs more than copying the chunk. */
const BATCH_BYTES = 512 * 1024;
/** Places in the control words. */
const WRITTEN = 0;
const READ = 1;
const ENDED = 2;
const GONE = 3;
const ASLEEP = 4;
const WORDS = 5;
/** What ENDED says. */
const WHOLE = 1;
const CUT = 2;
/** Fewer bytes than a batch wait at most this long; so does whoever waits for a dead thread. */
const RECHECK_MS = 50;

/** What both sides of a ring share; it travels as worker data. */
export interface RingMemory {
  readonly bytes: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

export const ringMemory = (): RingMemory => ({
  bytes: new SharedArrayBuffer(CAPACITY_BYTES),
  control: new SharedArrayBuffer(WORDS * Int32Array.BYTES_PER_ELEMENT),
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
      const ready = CAPACITY_BYTES - free + count;
      if (ready >= BATCH_BYTES && Atomics.load(this.#control, ASLEEP) === 1)
        Atomics.notify(this.#control, WRITTEN);
    }
    return true;
  }

  /** That was all. */
  end(): void {
    this.#close(WHOLE);
  }

  /** No more comes, and what came is not all. */
  cut(): void {
    this.#close(CUT);
  }

  #close(how: number): void {
    Atomics.store(this.#control, ENDED, how);
    Atomics.notify(this.#control, WRITTEN);
  }
}

/** The emptying side, for a thread that may block. Disposing it tells the other side that nobody reads any more. */
export class RingReader implements Disposable {
  readonly #bytes: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Of the piece that was given last. */
  #heldBytes = 0;

  constructor({ bytes, control }: RingMemory) {
    this.#bytes = bytes;
    this.#words = new Int32Array(control);
  }

  /** The filling side gave up. */
  get isCut(): boolean {
    return Atomics.load(this.#words, ENDED) === CUT;
  }

  /** What is there of the next bytes, waiting for some; undefined at the end. A piece aliases the ring: it is valid until the next call. */
  next(): Buffer | undefined {
    if (this.#heldBytes > 0) {
      Atomics.store(this.#words, READ, (Atomics.load(this.#words, READ) + this.#heldBytes) | 0);
      Atomics.notify(this.#words, READ);
      this.#heldBytes = 0;
    }
    for (let isLate = false; ;) {
      const isEnding = Atomics.load(this.#words, ENDED) !== 0;
      const written = Atomics.load(this.#words, WRITTEN);
      const read = Atomics.load(this.#words, READ);
      const ready = (written - read) >>> 0;
      if (ready >= BATCH_BYTES || (ready > 0 && (isEnding || isLate))) {
        const start = (read >>> 0) % CAPACITY_BYTES;
        this.#heldBytes = Math.min(ready, PIECE_BYTES, CAPACITY_BYTES - start);
        return Buffer.from(this.#bytes, start, this.#heldBytes);
      }
      if (isEnding) return undefined;
      // Said before the look at WRITTEN that wait() begins with: who writes in between is seen here, who writes later sees it.
      Atomics.store(this.#words, ASLEEP, 1);
      isLate = Atomics.wait(this.#words, WRITTEN, written, RECHECK_MS) === "timed-out";
      Atomics.store(this.#words, ASLEEP, 0);
    }
  }

  [Symbol.dispose](): void {
    Atomics.store(this.#words, GONE, 1);
    Atomics.notify(this.#words, READ);
  }
}
