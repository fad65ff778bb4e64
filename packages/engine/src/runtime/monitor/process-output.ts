import { closeSync, openSync, constants } from "node:fs";
import path from "node:path";
import { PIPE_BYTES, readNow, spliceBytes, growPipe, makeFifo } from "#host";
import { LogWriter } from "./log-writer.ts";
import type { LaunchRequest } from "./protocol.ts";
import type { Watcher } from "./watcher.ts";

const scratch = Buffer.alloc(64 * 1024);
const RETRY_MS = 5;

export type Stream = "stdout" | "stderr";

/** Where the output of one process goes: FIFOs that stay, and whoever empties them. */
export class ProcessOutput {
  readonly #launch: LaunchRequest;
  readonly #watcher: Watcher;
  readonly #readers: Map<Stream, number>;
  #log: LogWriter | undefined;
  #master: number | undefined;
  /** Terminal output passes through the stdout FIFO, which keeps it when the monitor dies. */
  #masterSink: number | undefined;
  #isDraining = false;

  private constructor(launch: LaunchRequest, watcher: Watcher, readers: Map<Stream, number>) {
    this.#launch = launch;
    this.#watcher = watcher;
    this.#readers = readers;
  }

  /** Makes the FIFOs, or reopens those of a process that runs (`kept`: descriptors from the fd store). */
  static open(launch: LaunchRequest, watcher: Watcher, kept: ReadonlyMap<string, number>): ProcessOutput {
    const readers = new Map<Stream, number>();
    if (launch.output.kind !== "discard")
      for (const stream of streamsOf(launch)) {
        const file = path.join(launch.directory, stream);
        makeFifo(file, 0o600);
        readers.set(stream, kept.get(stream) ?? openSync(file, constants.O_RDONLY | constants.O_NONBLOCK));
      }
    return new ProcessOutput(launch, watcher, readers);
  }

  /** Descriptors to be kept for a later monitor. */
  get kept(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#readers);
  }

  /** The end that the process writes to. Read-write, so that it never sees EPIPE, whoever dies on our side. */
  openWriter(stream: Stream): number {
    if (this.#launch.output.kind === "discard") return openSync("/dev/null", constants.O_RDWR);
    const fd = openSync(path.join(this.#launch.directory, stream), constants.O_RDWR);
    growPipe(fd);
    return fd;
  }

  /** Begins to move output; `master` is the terminal, non-blocking. */
  begin(master: number | undefined, isNewRun: boolean): void {
    this.#master = master;
    if (this.#launch.output.kind === "log") {
      this.#log = new LogWriter(this.#launch.output.directory, isNewRun, this.#launch.output.limit);
      for (const [stream, fd] of this.#readers) this.#watcher.watch(fd, () => this.#moveToLog(stream, fd));
    }
    if (master === undefined) return;
    if (this.#launch.output.kind !== "discard")
      this.#masterSink = openSync(
        path.join(this.#launch.directory, "stdout"),
        constants.O_RDWR | constants.O_NONBLOCK,
      );
    this.#watcher.watch(master, () => this.#moveFromMaster(master));
  }

  /** Throws output away from now on: its reader is gone. */
  drain(): void {
    if (this.#isDraining || this.#launch.output.kind !== "fifo") return;
    this.#isDraining = true;
    for (const fd of this.#readers.values()) this.#watcher.watch(fd, () => this.#discard(fd));
  }

  /** Everything that an ended process left behind reaches its place. */
  finish(): void {
    if (this.#master !== undefined)
      this.#moveAll(this.#master, () => this.#moveFromMaster(this.#master ?? -1));
    if (this.#log !== undefined)
      for (const [stream, fd] of this.#readers) this.#moveAll(fd, () => this.#moveToLog(stream, fd));
  }

  /** Others may still write to the pipe: no more than twice its size is taken. */
  #moveAll(fd: number, move: () => number): void {
    for (let total = 0; total < 2 * PIPE_BYTES;) {
      const moved = move();
      // A terminal's output goes on into the log at once, or the FIFO between them would fill up.
      if (fd === this.#master && this.#log !== undefined) {
        const stdout = this.#readers.get("stdout");
        if (stdout !== undefined) this.#moveToLog("stdout", stdout);
      }
      if (moved === 0) return;
      total += moved;
    }
  }

  #moveToLog(stream: Stream, fd: number): number {
    const moved = this.#log?.take(fd, stream) ?? 0;
    if (moved !== "ended") return moved;
    this.#watcher.unwatch(fd);
    return 0;
  }

  #moveFromMaster(master: number): number {
    const sink = this.#masterSink;
    const moved =
      sink === undefined
        ? readNow(master, scratch)
        : spliceBytes(master, sink, undefined, scratch.byteLength);
    if (moved === "closed" || moved === 0) {
      this.#watcher.unwatch(master);
      return 0;
    }
    if (moved !== "empty") return moved;
    // Readable, yet nothing moved: the FIFO is full. Looking again at once would spin.
    if (sink !== undefined && this.#launch.output.kind === "fifo") {
      this.#watcher.unwatch(master);
      setTimeout(() => {
        if (this.#master === master) this.#watcher.watch(master, () => this.#moveFromMaster(master));
      }, RETRY_MS);
    }
    return 0;
  }

  #discard(fd: number): number {
    const count = readNow(fd, scratch);
    if (count === 0 || count === "closed") this.#watcher.unwatch(fd);
    return typeof count === "number" ? count : 0;
  }

  /** Closes all; the FIFOs' names stay until the directory goes. */
  close(): void {
    const master = this.#master;
    this.#master = undefined;
    for (const fd of [...this.#readers.values(), ...(master === undefined ? [] : [master])]) {
      this.#watcher.unwatch(fd);
      closeSync(fd);
    }
    if (this.#masterSink !== undefined) closeSync(this.#masterSink);
    this.#masterSink = undefined;
    this.#readers.clear();
    this.#log?.[Symbol.dispose]();
    this.#log = undefined;
  }
}

/** A terminal has one stream. */
export function streamsOf(launch: LaunchRequest): readonly Stream[] {
  return launch.consoleSocket === undefined ? ["stdout", "stderr"] : ["stdout"];
}
