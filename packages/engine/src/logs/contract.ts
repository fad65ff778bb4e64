import type { LogOptions, LogSubject } from "./remote/driver.ts";

export type { LogOptions, LogSubject } from "./remote/driver.ts";

/** A piece of output: whole lines when read by `read`, a raw piece when followed by `attach`. */
export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** Nanoseconds since the epoch, of the first byte. */
  readonly timeNano: bigint;
  readonly bytes: Uint8Array;
}

export interface LogQuery {
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  readonly isFollowing: boolean;
  /** Last n lines; undefined = all. */
  readonly tail?: number;
  readonly sinceNano?: bigint;
  readonly untilNano?: bigint;
  /** Each line's own time is asked for: lines of one entry then have the same. Otherwise an entry may span many times. */
  readonly hasTimes?: boolean;
}

/** A container's log and where its driver sends it. */
export interface LogSource {
  readonly directory: string;
  readonly driver: string;
  readonly options: LogOptions;
  readonly subject: LogSubject;
}

/** A start's reached log server. Disposed before `begin` it lets the server go; afterwards that does nothing. */
export interface Shipment extends Disposable {
  /** Sends the log in the background, from where earlier runs came to, until the run has `ended` and all is sent. */
  begin(ended: Promise<unknown>): Promise<void>;
}

/** Readers of a container's log directory, and who sends it to log servers. Writing is the monitor's (runtime room). */
export interface Logs extends AsyncDisposable {
  /**
   * Lines (each with its LF; the last one maybe without), oldest first: one or more of a stream in each entry, in batches of what was
   * there together, 1 MiB and little more at most, never empty. A line longer than 256 KiB comes in parts. Bytes hold until
   * the next batch is asked for. Follow ends when `ended` resolves and all is read.
   */
  read(
    directory: string,
    query: LogQuery,
    ended: Promise<unknown>,
    signal: AbortSignal,
  ): AsyncIterable<readonly LogEntry[]>;
  /** Raw output from byte `fromOffset` (undefined = from now) as it comes, for attach; ends as `read` with follow does. */
  attach(
    directory: string,
    fromOffset: number | undefined,
    ended: Promise<unknown>,
    signal: AbortSignal,
  ): AsyncIterable<LogEntry>;
  /** Bytes of output so far; an attach that begins here misses nothing. */
  endOffset(directory: string): Promise<number>;
  sizeBytes(directory: string): Promise<number>;
  remove(directory: string): Promise<void>;
  /**
   * Reaches the log server before a start; undefined for a driver without one. Throws `internal`,
   * `failed to initialize logging driver: dial tcp 127.0.0.1:514: connect: connection refused`.
   */
  openShipment(source: LogSource, signal: AbortSignal): Promise<Shipment | undefined>;
  /** Goes on sending what an earlier engine left; the server may be away. */
  resumeShipment(source: LogSource, ended: Promise<unknown>): Promise<void>;
  /** Before a removal: the rest of an ended run has ten seconds while its server takes it, none while it is away. */
  endShipment(directory: string): Promise<void>;
}
