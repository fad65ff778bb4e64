/** A line of output on its way to a log server, without its LF; a long one comes in parts. */
export interface RemoteLine {
  readonly stream: "stdout" | "stderr";
  /** When the line's first byte came: nanoseconds since the epoch. */
  readonly timeNano: bigint;
  readonly bytes: Uint8Array;
  /** Absent for a line in one piece. */
  readonly part?: LinePart;
}

export interface LinePart {
  /** Where the line begins in the container's log: names the line among all of this container. */
  readonly lineStart: number;
  /** From 1. */
  readonly ordinal: number;
  readonly isLast: boolean;
}

/** Whose output it is. */
export interface LogSubject {
  readonly id: string;
  /** Without the slash. */
  readonly name: string;
  readonly imageId: string;
  readonly imageName: string;
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  /** NAME=value. */
  readonly env: readonly string[];
}

export type LogOptions = Readonly<Record<string, string>>;

/** An open way to a log server. Whoever connected disposes it. */
export interface RemoteConnection extends Disposable {
  /** Aborted with an error as its reason once the other side is gone. */
  readonly lost: AbortSignal;
  /**
   * Resolves when the other side has the lines as surely as its protocol lets one know; answers how many of them it can never take.
   * Rejects when the connection fails: then any of them may have arrived.
   */
  deliver(lines: readonly RemoteLine[], signal: AbortSignal): Promise<number>;
  /** Ends it after the last line; rejects when the other side broke off. */
  finish(signal: AbortSignal): Promise<void>;
}

export interface RetryPolicy {
  readonly firstWaitMs: number;
  readonly factor: number;
  readonly maxWaitMs: number;
  /** After so many failures in a row the waiting lines are given up. */
  readonly maxRetries: number;
}

/** Where one container's output goes. */
export interface RemoteDriver {
  readonly name: string;
  /** Its protocol says what has arrived; without that a connection that breaks soon after a delivery has it repeated. */
  readonly isConfirming: boolean;
  /** A container starts only when the server can be reached. */
  readonly isNeededAtStart: boolean;
  /** Lines are delivered at the latest when so many bytes wait. */
  readonly batchBytes: number;
  readonly retry: RetryPolicy;
  connect(signal: AbortSignal): Promise<RemoteConnection>;
}

/** Reconnects for ever: at once, then ever less often. */
export const PATIENT: RetryPolicy = {
  firstWaitMs: 100,
  factor: 2,
  maxWaitMs: 10_000,
  maxRetries: Number.POSITIVE_INFINITY,
};
export const BATCH_BYTES = 65_536;
