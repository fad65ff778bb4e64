import type { LogEntry } from "#logs";
import { FRAME_HEAD_BYTES, writeFrameHead } from "./frames.ts";

const LF = 10;
/** A joined frame is no longer, unless by a line that is: Go's stdcopy begins with a buffer for as much. */
const JOINED_BYTES = 32 * 1024;

export interface LogForm {
  /** "none" for a terminal's output, one frame for each line, or as many whole lines of a stream in each as fit (docs/adr/0015). */
  readonly frames: "none" | "line" | "joined";
  /** What stands before each line. */
  readonly prefixOf?: ((entry: LogEntry) => string) | undefined;
}

/** Prints batches of lines, each as one piece of the answer: a million small ones would cost more than the reading. */
export class LogPrinter {
  readonly #form: LogForm;
  #whole: Buffer = Buffer.alloc(0);

  constructor(form: LogForm) {
    this.#form = form;
  }

  /** Holds until the next call: fresh memory for each batch would keep the garbage collector busy. */
  print(batch: readonly LogEntry[]): Buffer {
    const { frames, prefixOf } = this.#form;
    const roomBytes = { none: Number.POSITIVE_INFINITY, line: 0, joined: JOINED_BYTES }[frames];
    const headBytes = frames === "none" ? 0 : FRAME_HEAD_BYTES;
    let length = 0;
    let frame: { readonly stream: LogEntry["stream"]; readonly at: number } | undefined;
    for (const entry of batch) {
      const { stream } = entry;
      const bytes = asBuffer(entry.bytes);
      const prefix = prefixOf && Buffer.from(prefixOf(entry));
      for (let at = 0; at < bytes.length;) {
        const left = frame?.stream === stream ? roomBytes - (length - frame.at) : roomBytes;
        const end = linesEnd(bytes, at, prefix === undefined ? left : 0);
        const size = end - at + (prefix?.length ?? 0);
        this.#grow(length, headBytes + size);
        if (frame?.stream !== stream || size > left) {
          length += headBytes;
          frame = { stream, at: length };
        }
        if (prefix !== undefined) length += prefix.copy(this.#whole, length);
        length += bytes.copy(this.#whole, length, at, end);
        if (headBytes > 0) writeFrameHead(this.#whole, frame.at - headBytes, stream, length - frame.at);
        at = end;
      }
    }
    return this.#whole.subarray(0, length);
  }

  #grow(usedBytes: number, moreBytes: number): void {
    if (usedBytes + moreBytes <= this.#whole.length) return;
    const larger = Buffer.allocUnsafe(Math.max(usedBytes + moreBytes, 2 * this.#whole.length));
    this.#whole.copy(larger, 0, 0, usedBytes);
    this.#whole = larger;
  }
}

/** Where the lines from `at` on end that fit into `roomBytes`; at least one does. */
function linesEnd(bytes: Buffer, at: number, roomBytes: number): number {
  if (bytes.length - at <= roomBytes) return bytes.length;
  const last = roomBytes > 0 ? bytes.lastIndexOf(LF, at + roomBytes - 1) : -1;
  return last >= at ? last + 1 : bytes.indexOf(LF, at) + 1 || bytes.length;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
