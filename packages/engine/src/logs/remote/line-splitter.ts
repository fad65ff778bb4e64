import type { RemoteLine } from "./driver.ts";
import type { ShippedPosition, StreamPosition } from "./position.ts";

type StreamName = RemoteLine["stream"];
const LF = 10;
/** A longer line goes in parts of this size. Source: Docker Engine, its log copier. */
export const PART_BYTES: number = 16 * 1024;

interface OpenLine {
  readonly start: number;
  readonly timeNano: bigint;
  /** Parts given so far. */
  ordinal: number;
  readonly pieces: Buffer[];
  bytes: number;
  /** Where its first byte that was not given lies. */
  from: number;
}

/** Cuts both streams into lines and knows, after each, from where a successor would have to go on. */
export class LineSplitter {
  readonly #open = new Map<StreamName, OpenLine>();
  readonly #skipTo: Readonly<Record<StreamName, number>>;
  #consumed: number;

  constructor(position: ShippedPosition) {
    this.#skipTo = { stdout: position.stdout.offset, stderr: position.stderr.offset };
    this.#consumed = Math.min(position.stdout.offset, position.stderr.offset);
    for (const stream of ["stdout", "stderr"] as const) {
      const { line, offset } = position[stream];
      if (line !== undefined) this.#open.set(stream, { ...line, pieces: [], bytes: 0, from: offset });
    }
  }

  /** Holds for the moment: every line given so far must have been delivered when it is kept. */
  get position(): ShippedPosition {
    return { stdout: this.#positionOf("stdout"), stderr: this.#positionOf("stderr") };
  }

  #positionOf(stream: StreamName): StreamPosition {
    const open = this.#open.get(stream);
    const reached = Math.max(this.#consumed, this.#skipTo[stream]);
    if (open === undefined) return { offset: reached };
    const offset = open.bytes > 0 ? open.from : reached;
    if (open.ordinal === 0) return { offset };
    return { offset, line: { start: open.start, timeNano: open.timeNano, ordinal: open.ordinal } };
  }

  /** Takes the bytes at `offset`, in the order of the log; what was delivered earlier is skipped. */
  *push(stream: StreamName, timeNano: bigint, offset: number, bytes: Buffer): Generator<RemoteLine> {
    for (let at = Math.max(0, this.#skipTo[stream] - offset); at < bytes.length;) {
      const open = this.#open.get(stream) ?? {
        start: offset + at,
        timeNano,
        ordinal: 0,
        pieces: [],
        bytes: 0,
        from: offset + at,
      };
      const lf = bytes.indexOf(LF, at);
      const end = Math.min(lf < 0 ? bytes.length : lf, at + PART_BYTES - open.bytes);
      if (open.bytes === 0) open.from = offset + at;
      // A copy: a few bytes must not keep the whole block.
      if (end > at) open.pieces.push(Buffer.from(bytes.subarray(at, end)));
      open.bytes += end - at;
      const isLast = end === lf;
      at = isLast ? end + 1 : end;
      this.#consumed = offset + at;
      if (isLast) this.#open.delete(stream);
      else this.#open.set(stream, open);
      if (isLast || open.bytes >= PART_BYTES) yield given(stream, open, isLast);
    }
    this.#consumed = Math.max(this.#consumed, offset + bytes.length);
  }

  /** Gives what is open as it is: its run has ended or its rest was dropped. */
  *cut(...streams: readonly StreamName[]): Generator<RemoteLine> {
    for (const stream of streams) {
      const open = this.#open.get(stream);
      this.#open.delete(stream);
      if (open !== undefined && open.bytes > 0) yield given(stream, open, true);
    }
  }
}

function given(stream: StreamName, open: OpenLine, isLast: boolean): RemoteLine {
  const bytes = Buffer.concat(open.pieces.splice(0), open.bytes);
  open.bytes = 0;
  const line = { stream, timeNano: open.timeNano, bytes };
  if (isLast && open.ordinal === 0) return line;
  open.ordinal++;
  return { ...line, part: { lineStart: open.start, ordinal: open.ordinal, isLast } };
}
