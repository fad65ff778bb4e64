import { type Clock, type Logger, messageOf } from "#kernel";
import { LogFile, type LogPiece, LogWatch } from "../log-file.ts";
import { pieces } from "../pieces.ts";
import type { RemoteConnection, RemoteDriver, RemoteLine } from "./driver.ts";
import { LineSplitter } from "./line-splitter.ts";
import { PositionFile } from "./position.ts";

const BLOCK_BYTES = 64 * 1024;
const BATCH_LINES = 1000;
/** A connection that breaks so soon after a delivery may have lost it on the way: it is repeated. */
const DOUBT_MS = 1000;
const FAREWELLS = 3;

export interface ForwarderDeps {
  readonly driver: RemoteDriver;
  readonly directory: string;
  readonly containerId: string;
  readonly log: Logger;
  readonly clock: Clock;
}

/**
 * Follows one container's log and delivers it line by line, in order. What was delivered is noted after each batch, so a successor
 * repeats at most one. It holds one block, one batch and the batch before in memory; whatever waits for the server lies in the log.
 */
export class Forwarder implements AsyncDisposable {
  readonly #deps: ForwarderDeps;
  readonly #signal: AbortSignal;
  readonly #facts: { readonly container: string; readonly driver: string };
  #connection: RemoteConnection | undefined;
  #watch: LogWatch | undefined;
  #batch: RemoteLine[] = [];
  #batchBytes = 0;
  #delivered: { readonly lines: readonly RemoteLine[]; readonly atMs: number } | undefined;
  #doubtful: readonly RemoteLine[] = [];
  #failures = 0;

  constructor(deps: ForwarderDeps, connection: RemoteConnection | undefined, signal: AbortSignal) {
    this.#deps = deps;
    this.#facts = { container: deps.containerId, driver: deps.driver.name };
    this.#signal = signal;
    if (connection !== undefined) this.#adopt(connection);
  }

  /** The server cannot be reached: it waits before it tries again. */
  get isStalled(): boolean {
    return this.#failures > 0;
  }

  /** Resolves when the run has `ended` and all of it is delivered. */
  async run(ended: Promise<unknown>): Promise<void> {
    const { directory } = this.#deps;
    await using file = new LogFile(directory);
    using watch = await LogWatch.open(directory, ended, this.#signal);
    this.#watch = watch;
    await using kept = await PositionFile.open(directory);
    const splitter = new LineSplitter(await kept.read());
    let at = Math.min(splitter.position.stdout.offset, splitter.position.stderr.offset);
    for (;;) {
      // Asked before the reading: what is written before the end is then surely read.
      const isLast = watch.hasEnded;
      for await (const piece of pieces(file, at, undefined)) {
        await this.#take(file, piece, at, splitter, kept);
        at = piece.end;
      }
      if (isLast) await this.#add(splitter.cut("stdout", "stderr"), splitter, kept);
      await this.#flush(splitter, kept);
      await this.#repeatDoubtful();
      if (isLast) return await this.#sayGoodbye();
      await watch.changed();
    }
  }

  async #take(
    file: LogFile,
    piece: LogPiece,
    expected: number,
    splitter: LineSplitter,
    kept: PositionFile,
  ): Promise<void> {
    if (piece.offset > expected) await this.#skip(piece.offset - expected, splitter, kept);
    else if (piece.isRunStart) await this.#add(splitter.cut(piece.stream), splitter, kept);
    for (let from = piece.offset; from < piece.end; from += BLOCK_BYTES) {
      const wanted = Math.min(BLOCK_BYTES, piece.end - from);
      const bytes = await file.bytes(from, wanted);
      const missing = wanted - bytes.byteLength;
      if (missing > 0) await this.#skip(missing, splitter, kept);
      const lines = splitter.push(piece.stream, piece.timeNano, from + missing, bytes);
      await this.#add(lines, splitter, kept);
    }
  }

  /** The full log dropped what was not delivered yet. */
  async #skip(bytes: number, splitter: LineSplitter, kept: PositionFile): Promise<void> {
    this.#deps.log.warn("output was dropped from a full log before its server took it", {
      ...this.#facts,
      bytes,
    });
    await this.#add(splitter.cut("stdout", "stderr"), splitter, kept);
  }

  async #add(lines: Iterable<RemoteLine>, splitter: LineSplitter, kept: PositionFile): Promise<void> {
    for (const line of lines) {
      this.#batch.push(line);
      this.#batchBytes += line.bytes.byteLength;
      // Between two lines of the splitter, so that its position is the one after this line.
      if (this.#batchBytes >= this.#deps.driver.batchBytes || this.#batch.length >= BATCH_LINES)
        await this.#flush(splitter, kept);
    }
  }

  async #flush(splitter: LineSplitter, kept: PositionFile): Promise<void> {
    if (this.#batch.length === 0) return;
    const lines = this.#batch;
    this.#batch = [];
    this.#batchBytes = 0;
    await this.#deliver(lines);
    try {
      await kept.write(splitter.position);
    } catch (error) {
      this.#deps.log.warn("how far a log was delivered could not be noted", { ...this.#facts, error });
    }
  }

  async #deliver(lines: readonly RemoteLine[]): Promise<void> {
    for (;;) {
      try {
        const connection = await this.#connected();
        if (connection === undefined) return this.#giveUp(lines);
        const tooLarge = await connection.deliver(lines, this.#signal);
        if (tooLarge > 0)
          this.#deps.log.warn("lines too large for their log server were left out", {
            ...this.#facts,
            lines: tooLarge,
          });
        this.#delivered = { lines, atMs: performance.now() };
        return;
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#lose(error);
      }
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
    const { driver, log, clock } = this.#deps;
    if (this.#connection?.lost.aborted === true) this.#lose(this.#connection.lost.reason);
    for (let tries = 0; ; tries++) {
      const connection = this.#connection;
      if (connection !== undefined) {
        if (this.#doubtful.length > 0) {
          await connection.deliver(this.#doubtful, this.#signal);
          this.#doubtful = [];
        }
        return connection;
      }
      if (tries > driver.retry.maxRetries) return undefined;
      if (this.#failures > 0) await clock.sleep(this.#waitMs(), this.#signal);
      try {
        this.#adopt(await driver.connect(this.#signal));
        if (this.#failures > 0) log.info("log server is reached again", this.#facts);
        this.#failures = 0;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (this.#failures === 0)
          log.warn("log server cannot be reached, output waits in the local log", {
            ...this.#facts,
            error: messageOf(error),
          });
        this.#failures++;
      }
    }
  }

  #waitMs(): number {
    const { firstWaitMs, factor, maxWaitMs } = this.#deps.driver.retry;
    return Math.min(firstWaitMs * factor ** Math.min(this.#failures - 1, 64), maxWaitMs);
  }

  #adopt(connection: RemoteConnection): void {
    this.#connection = connection;
    // Wakes a forwarder that has nothing to send: it may have to repeat.
    connection.lost.addEventListener("abort", () => this.#watch?.touch(), { once: true });
  }

  #lose(error: unknown): void {
    const { driver, log } = this.#deps;
    if (this.#connection === undefined) return;
    log.debug("connection to a log server broke", { ...this.#facts, error: messageOf(error) });
    this.#connection[Symbol.dispose]();
    this.#connection = undefined;
    const delivered = this.#delivered;
    this.#delivered = undefined;
    const isDoubtful = delivered !== undefined && performance.now() - delivered.atMs < DOUBT_MS;
    if (isDoubtful && !driver.isConfirming) this.#doubtful = [...this.#doubtful, ...delivered.lines];
  }

  async #repeatDoubtful(): Promise<void> {
    if (this.#connection?.lost.aborted === true) this.#lose(this.#connection.lost.reason);
    if (this.#doubtful.length === 0) return;
    const lines = this.#doubtful;
    this.#doubtful = [];
    await this.#deliver(lines);
  }

  async #sayGoodbye(): Promise<void> {
    for (let tries = 0; tries < FAREWELLS && this.#connection !== undefined; tries++) {
      try {
        return await this.#connection.finish(this.#signal);
      } catch (error) {
        this.#signal.throwIfAborted();
        this.#lose(error);
        await this.#repeatDoubtful();
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection?.[Symbol.dispose]();
    this.#connection = undefined;
  }
}
