/** A piece of output: whole lines when read by `read`, raw pieces when followed by `attach`. */
export interface LogEntry {
  readonly stream: "stdout" | "stderr";
  /** Nanoseconds since the epoch. */
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
}

/** Readers of a container's log directory. Writing is the monitor's (runtime room). */
export interface Logs {
  /** Lines (each with its LF; the last one maybe without), oldest first. Follow ends when `ended` resolves and all is read. */
  read(
    directory: string,
    query: LogQuery,
    ended: Promise<unknown>,
    signal: AbortSignal,
  ): AsyncIterable<LogEntry>;
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
}
