import { type Clock, type Logger, messageOf } from "#kernel";
import { LogFile, type LogPiece, LogWatch } from "../log-file.ts";
import { pieces } from "../pieces.ts";
import type { RemoteConnection, RemoteDriver, RemoteLine } from "./driver.ts";
import { LineSplitter } from "./line-splitter.ts";
import { PositionFile, type ShippedPosition } from "./position.ts";

const BLOCK_BYTES = 64 * 1024;
const BATCH_LINES = 1000;
/** A connection that breaks so soon after a delivery may have lost it on the way: it is repeated. */
const DOUBT_MS = 1000;
/** More than this is not kept for that. */
const DOUBT_BYTES = 256 * 1024;
/** After a repetition nothing new is sent until the connection has held so long: UDP tells only then that nobody listens. */
const PROBATION_MS = 200;
const FAREWELLS = 3;

interface Delivery {
  readonly lines: readonly RemoteLine[];
  readonly bytes: number;
  readonly atMs: number;
  /** How far the log was delivered before it. */
  readonly before: ShippedPosition | undefined;
}

export interface ForwarderDeps {
  readonly driver: RemoteDriver;
  readonly directory: string;
  readonly containerId: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Follows one container's log and delivers it line by line, in order. What was delivered is noted after each batch, so a successor
 * repeats at most one. It holds one block, one batch and what is in doubt in memory; whatever waits for the server lies in the log.
 */
export class Forwarder implements AsyncDisposable {
  readonly #deps: ForwarderDeps;
  readonly #signal: AbortSignal;
  readonly #facts: { readonly container: string; readonly driver: string };
  #connection: RemoteConnection | undefined;
  #watch: LogWatch | undefined;
  #batch: RemoteLine[] = [];
  #batchBytes = 0;
  #delivered: Delivery[] = [];
  #doubtful: readonly RemoteLine[] = [];
  /** How far the log was delivered before the first of them. */
  #doubtFrom: ShippedPosition | undefined;
  #position: PositionFile | undefined;
  #reached: ShippedPosition | undefined;
  #connectedAtMs = 0;
  /** Connections in a row that broke soon after they were made. */
  #breaks = 0;
  #failures = 0;
  #isWarned = false;
  #isWaiting = false;

  constructor(deps: ForwarderDeps, connection: RemoteConnection | undefined, signal: AbortSignal) {
    this.#deps = deps;
    this.#facts = { container: deps.containerId, driver: deps.driver.name };
    this.#signal = signal;
    if (connection !== undefined) this.#adopt(connection);
  }

  /** The server cannot be reached: it waits before it tries again. */
  get isStalled(): boolean {
    return this.#isWaiting;
  }

  /** Resolves when the run has `ended` and all of it is delivered. */
  async run(ended: Promise<unknown>): Promise<void> {
    const { directory } = this.#deps;
    await using file = new LogFile(directory);
    using watch = await LogWatch.open(directory, ended, this.#signal);
    this.#watch = watch;
    await using kept = await PositionFile.open(directory);
    this.#position = kept;
    this.#reached = await kept.read();
    const splitter = new LineSplitter(this.#reached);
    let at = Math.min(splitter.position.stdout.offset, splitter.position.stderr.offset);
    for (;;) {
      // Asked before the reading: what is written before the end is then surely read.
      const isLast = watch.hasEnded;
      for await (const piece of pieces(file, at, undefined)) {
        if (piece === "pause") continue;
        await this.#take(file, piece, at, splitter);
        at = piece.end;
      }
      if (isLast) await this.#add(splitter.cut("stdout", "stderr"), splitter);
      await this.#flush(splitter);
      await this.#repeatDoubtful();
      if (isLast) return await this.#sayGoodbye();
      await watch.changed();
    }
  }

  async #take(file: LogFile, piece: LogPiece, expected: number, splitter: LineSplitter): Promise<void> {
    if (piece.offset > expected) await this.#skip(piece.offset - expected, splitter);
    else if (piece.isRunStart) await this.#add(splitter.cut(piece.stream), splitter);
    for (let from = piece.offset; from < piece.end; from += BLOCK_BYTES) {
      const wanted = Math.min(BLOCK_BYTES, piece.end - from);
      const bytes = await file.bytes(from, wanted);
      const missing = wanted - bytes.byteLength;
      if (missing > 0) await this.#skip(missing, splitter);
      const lines = splitter.push(piece.stream, piece.timeNano, from + missing, bytes);
      await this.#add(lines, splitter);
    }
  }

  /** The full log dropped what was not delivered yet. */
  async #skip(bytes: number, splitter: LineSplitter): Promise<void> {
    this.#deps.log.warn("output was dropped from a full log before its server took it", {
      ...this.#facts,
      bytes,
    });
    await this.#add(splitter.cut("stdout", "stderr"), splitter);
  }

  async #add(lines: Iterable<RemoteLine>, splitter: LineSplitter): Promise<void> {
    for (const line of lines) {
      this.#batch.push(line);
      this.#batchBytes += line.bytes.byteLength;
      // Between two lines of the splitter, so that its position is the one after this line.
      if (this.#batchBytes >= this.#deps.driver.batchBytes || this.#batch.length >= BATCH_LINES)
        await this.#flush(splitter);
    }
  }

  async #flush(splitter: LineSplitter): Promise<void> {
    if (this.#batch.length === 0) return;
    const lines = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#deliver(lines);
    this.#reached = splitter.position;
    await this.#note(this.#reached);
  }

  async #note(position: ShippedPosition | undefined): Promise<void> {
    try {
      if (position !== undefined) await this.#position?.write(position);
    } catch (error) {
      this.#deps.log.warn("how far a log was delivered could not be noted", { ...this.#facts, error });
    }
  }

  async #deliver(lines: readonly RemoteLine[]): Promise<void> {
    for (;;) {
      try {
        const connection = await this.#connected();
        if (connection === undefined) return this.#giveUp(lines);
        if (lines.length > 0) await this.#send(connection, lines, this.#reached);
        return;
      } catch (error) {
        this.#signal.throwIfAborted();
        await this.#lose(error);
      }
    }
  }

  async #send(
    connection: RemoteConnection,
    lines: readonly RemoteLine[],
    before: ShippedPosition | undefined,
  ): Promise<void> {
    const { driver, log } = this.#deps;
    const tooLarge = await connection.deliver(lines, this.#signal);
    if (tooLarge > 0)
      log.warn("lines too large for their log server were left out", { ...this.#facts, lines: tooLarge });
    const atMs = performance.now();
    if (this.#isWarned && (driver.isConfirming || atMs - this.#connectedAtMs > DOUBT_MS)) {
      log.info("log server is reached again", this.#facts);
      this.#isWarned = false;
    }
    if (driver.isConfirming) return;
    const bytes = lines.reduce((sum, line) => sum + line.bytes.byteLength, 0);
    this.#delivered.push({ lines, bytes, atMs, before });
    let kept = this.#delivered.reduce((sum, delivery) => sum + delivery.bytes, 0);
    for (let [oldest] = this.#delivered; oldest !== undefined; [oldest] = this.#delivered) {
      if (this.#delivered.length === 1 || (atMs - oldest.atMs < DOUBT_MS && kept <= DOUBT_BYTES)) break;
      kept -= oldest.bytes;
      this.#delivered.shift();
    }
  }

  #giveUp(lines: readonly RemoteLine[]): void {
    const left = lines.length + this.#doubtful.length;
    this.#doubtful = [];
    this.#deps.log.error("lines were given up: their log server was tried as often as its options say", {
      ...this.#facts,
      lines: left,
    });
  }

  /** A connection on which what is in doubt was repeated; undefined when it was tried as often as the policy says. */
  async #connected(): Promise<RemoteConnection | undefined> {
    const { driver, clock } = this.#deps;
    await this.#noticeLoss();
    for (let tries = 0; ; tries++) {
      if (this.#connection !== undefined) {
        if (this.#doubtful.length === 0) return this.#connection;
        await this.#send(this.#connection, this.#doubtful, this.#doubtFrom);
        this.#doubtful = [];
        await this.#note(this.#reached);
        await clock.sleep(PROBATION_MS, this.#signal);
        await this.#noticeLoss();
        continue;
      }
      if (tries > driver.retry.maxRetries) return undefined;
      if (this.#failures > 0) await this.#wait();
      try {
        this.#adopt(await driver.connect(this.#signal));
        this.#failures = 0;
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#warn(error);
        this.#failures++;
      }
    }
  }

  async #noticeLoss(): Promise<void> {
    if (this.#connection?.lost.aborted === true) await this.#lose(this.#connection.lost.reason);
  }

  #warn(error: unknown): void {
    if (this.#isWarned) return;
    this.#isWarned = true;
    this.#deps.log.warn("log server cannot be reached, output waits in the local log", {
      ...this.#facts,
      error: messageOf(error),
    });
  }

  async #wait(): Promise<void> {
    this.#isWaiting = true;
    try {
      await this.#deps.clock.sleep(this.#waitMs(), this.#signal);
    } finally {
      this.#isWaiting = false;
    }
  }

  #waitMs(): number {
    const { firstWaitMs, factor, maxWaitMs } = this.#deps.driver.retry;
    return Math.min(firstWaitMs * factor ** Math.min(this.#failures - 1, 64), maxWaitMs);
  }

  #adopt(connection: RemoteConnection): void {
    this.#connection = connection;
    this.#connectedAtMs = performance.now();
    // Wakes a forwarder that has nothing to send: it may have to repeat.
    connection.lost.addEventListener("abort", () => this.#watch?.touch(), { once: true });
  }

  async #lose(error: unknown): Promise<void> {
    if (this.#connection === undefined) return;
    this.#connection[Symbol.dispose]();
    this.#connection = undefined;
    const now = performance.now();
    // The first time it connects anew at once; a server that takes connections and drops them is not pestered.
    this.#breaks = now - this.#connectedAtMs < DOUBT_MS ? this.#breaks + 1 : 0;
    this.#failures = this.#breaks;
    if (this.#breaks > 0) this.#warn(error);
    const repeated = this.#delivered.filter(({ atMs }) => now - atMs < DOUBT_MS);
    this.#delivered = [];
    if (this.#doubtful.length === 0) this.#doubtFrom = repeated[0]?.before;
    this.#doubtful = [...this.#doubtful, ...repeated.flatMap(({ lines }) => lines)];
    // An engine killed before the repetition leaves it to the next one.
    if (repeated.length > 0) await this.#note(this.#doubtFrom);
  }

  async #repeatDoubtful(): Promise<void> {
    await this.#noticeLoss();
    if (this.#doubtful.length > 0) await this.#deliver([]);
  }

  async #sayGoodbye(): Promise<void> {
    for (let tries = 0; tries < FAREWELLS && this.#connection !== undefined; tries++) {
      try {
        return await this.#connection.finish(this.#signal);
      } catch (error) {
        this.#signal.throwIfAborted();
        await this.#lose(error);
        await this.#repeatDoubtful();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.[Symbol.dispose]();
    this.#connection = undefined;
  }
}
