import { LongshoreError } from "#kernel";
import type { LogEntry, LogQuery, Logs, LogSource, Shipment } from "./contract.ts";
import { REMOTE_LOG_DRIVERS } from "./remote/index.ts";

type Stream = LogEntry["stream"];
interface Piece extends LogEntry {
  /** Where its bytes begin in the log. */
  readonly offset: number;
  readonly isRunStart: boolean;
}
interface Log {
  pieces: Piece[];
  endOffset: number;
  startOffset: number;
  /** Lines that its server has. */
  readonly sent: string[];
  sentPieces: number;
  readonly readers: Set<() => void>;
}

/** Line by line, whatever the batches and entries. */
export async function* eachLine(batches: AsyncIterable<readonly LogEntry[]>): AsyncGenerator<LogEntry> {
  for await (const batch of batches) for (const entry of batch) yield* linesOf(entry);
}

/** An entry's lines, each in memory of its own. */
export function* linesOf(entry: LogEntry): Generator<LogEntry> {
  for (let at = 0; at < entry.bytes.byteLength;) {
    const end = entry.bytes.indexOf(LF, at) + 1 || entry.bytes.byteLength;
    yield { ...entry, bytes: entry.bytes.slice(at, end) };
    at = end;
  }
}

/** A line longer than this is given in parts. */
const LONG_LINE_BYTES = 256 * 1024;
const LF = 10;

/** Logs in memory; a test, or the fake machine, writes them. Servers are reached unless their address is said to be dead. */
export class FakeLogs implements Logs {
  readonly #logs = new Map<string, Log>();
  readonly #deadServers: ReadonlySet<string>;

  constructor(deadServers: Iterable<string> = []) {
    this.#deadServers = new Set(deadServers);
  }

  /** What a run of the container writes, as the monitor would. */
  writer(directory: string): (stream: Stream, bytes: Uint8Array, timeNano?: bigint) => void {
    const begun = new Set<Stream>();
    return (stream, bytes, timeNano = BigInt(Date.now()) * 1_000_000n) => {
      const log = this.#log(directory);
      const isRunStart = !begun.has(stream);
      begun.add(stream);
      log.pieces.push({ stream, bytes: Uint8Array.from(bytes), timeNano, offset: log.endOffset, isRunStart });
      log.endOffset += bytes.byteLength;
      for (const wake of log.readers) wake();
    };
  }
  /** The full log drops what lies before `offset`. */
  drop(directory: string, offset: number): void {
    const log = this.#log(directory);
    log.startOffset = offset;
    log.pieces = log.pieces.flatMap((piece) => from(piece, offset) ?? []);
  }
  /** Lines that the log's server has, in order. */
  sent(directory: string): readonly string[] {
    return this.#log(directory).sent;
  }

  async *read(
    directory: string,
    query: LogQuery,
    ended: Promise<unknown>,
    signal: AbortSignal,
  ): AsyncGenerator<readonly LogEntry[]> {
    const { sinceNano = 0n, untilNano, tail } = query;
    const isWanted = (entry: LogEntry): boolean =>
      entry.stream === "stdout" ? query.hasStdout : query.hasStderr;
    const log = this.#log(directory);
    const wanted = log.pieces.filter(isWanted);
    const present = new Lines();
    const count = wanted.flatMap((piece) => [...present.take(piece)]).length + present.rest().length;
    let skipped = tail === undefined || tail === 0 ? 0 : Math.max(0, count - tail);
    const lines = new Lines();
    const isAsked = (line: LogEntry): boolean => skipped-- <= 0 && line.timeNano >= sinceNano;
    for await (const piece of this.#pieces(
      log,
      tail === 0 ? log.endOffset : 0,
      query.isFollowing ? ended : undefined,
      signal,
    )) {
      if (untilNano !== undefined && piece.timeNano > untilNano) break;
      if (isWanted(piece)) for (const line of lines.take(piece)) if (isAsked(line)) yield [line];
    }
    for (const line of lines.rest()) if (isAsked(line)) yield [line];
  }

  async *attach(
    directory: string,
    fromOffset: number | undefined,
    ended: Promise<unknown>,
    signal: AbortSignal,
  ): AsyncGenerator<LogEntry> {
    const log = this.#log(directory);
    for await (const { stream, timeNano, bytes } of this.#pieces(
      log,
      fromOffset ?? log.endOffset,
      ended,
      signal,
    ))
      yield { stream, timeNano, bytes };
  }

  async endOffset(directory: string): Promise<number> {
    return this.#log(directory).endOffset;
  }
  async sizeBytes(directory: string): Promise<number> {
    const { endOffset, startOffset } = this.#log(directory);
    return endOffset - startOffset;
  }
  async remove(directory: string): Promise<void> {
    this.#logs.delete(directory);
  }

  async openShipment(source: LogSource, signal: AbortSignal): Promise<Shipment | undefined> {
    signal.throwIfAborted();
    if (!REMOTE_LOG_DRIVERS.includes(source.driver)) return undefined;
    const address = source.options[`${source.driver}-address`] ?? "";
    if (this.#deadServers.has(address))
      throw new LongshoreError(
        "internal",
        `failed to initialize logging driver: dial tcp ${address.replace(/^\w+:\/\//, "")}: connect: connection refused`,
      );
    return { begin: (ended) => this.resumeShipment(source, ended), [Symbol.dispose]: () => {} };
  }
  async resumeShipment(source: LogSource, ended: Promise<unknown>): Promise<void> {
    if (!REMOTE_LOG_DRIVERS.includes(source.driver)) return;
    const log = this.#log(source.directory);
    void ended.then(() => {
      const lines = new Lines();
      const fresh = log.pieces.slice(log.sentPieces).flatMap((piece) => [...lines.take(piece)]);
      log.sentPieces = log.pieces.length;
      for (const { bytes } of [...fresh, ...lines.rest()])
        log.sent.push(Buffer.from(bytes).toString().replace(/\n$/, ""));
    });
  }
  async endShipment(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {}

  #log(directory: string): Log {
    const known = this.#logs.get(directory);
    if (known !== undefined) return known;
    const log: Log = {
      pieces: [],
      endOffset: 0,
      startOffset: 0,
      sent: [],
      sentPieces: 0,
      readers: new Set(),
    };
    this.#logs.set(directory, log);
    return log;
  }

  /** Pieces from byte `start` on: those that are there, or, with `ended`, until then. */
  async *#pieces(
    log: Log,
    start: number,
    ended: Promise<unknown> | undefined,
    signal: AbortSignal,
  ): AsyncGenerator<Piece> {
    let hasEnded = ended === undefined;
    let wake = (): void => {};
    const touch = (): void => wake();
    const end = (): void => {
      hasEnded = true;
      touch();
    };
    ended?.then(end, end);
    log.readers.add(touch);
    signal.addEventListener("abort", touch, { once: true });
    try {
      for (let at = start; ;) {
        signal.throwIfAborted();
        const isLast = hasEnded;
        const next = log.pieces.find((piece) => piece.offset + piece.bytes.byteLength > at);
        const rest = next && from(next, at);
        if (rest !== undefined) {
          at = rest.offset + rest.bytes.byteLength;
          yield rest;
        } else if (isLast) return;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
            if (hasEnded || signal.aborted) resolve();
          });
      }
    } finally {
      log.readers.delete(touch);
      signal.removeEventListener("abort", touch);
    }
  }
}

/** What of a piece lies at `offset` and after it; what is left of one begins no run. */
function from(piece: Piece, offset: number): Piece | undefined {
  const cut = offset - piece.offset;
  if (cut <= 0) return piece;
  if (cut >= piece.bytes.byteLength) return undefined;
  return { ...piece, offset, bytes: piece.bytes.subarray(cut), isRunStart: false };
}

/** Cuts pieces into lines, each stream for itself; a line has the time of its first byte. */
class Lines {
  readonly #open = new Map<Stream, LogEntry>();

  *take(piece: Piece): Generator<LogEntry> {
    const { stream, timeNano } = piece;
    const cutOff = piece.isRunStart ? this.#open.get(stream) : undefined;
    if (cutOff !== undefined) {
      this.#open.delete(stream);
      yield cutOff;
    }
    for (let at = 0; at < piece.bytes.byteLength;) {
      const lf = piece.bytes.indexOf(LF, at);
      const end = lf < 0 ? piece.bytes.byteLength : lf + 1;
      const before = this.#open.get(stream) ?? { stream, timeNano, bytes: new Uint8Array() };
      const line = { ...before, bytes: Buffer.concat([before.bytes, piece.bytes.subarray(at, end)]) };
      at = end;
      if (lf < 0 && line.bytes.byteLength < LONG_LINE_BYTES) this.#open.set(stream, line);
      else {
        this.#open.delete(stream);
        yield line;
      }
    }
  }

  rest(): LogEntry[] {
    return [...this.#open.values()];
  }
}
