import type { LogLimit } from "#spec";

/**
 * JSON lines over STATE_ROOT/monitor/monitor.sock. Requests carry a number `id` and get one answer with it; events carry none.
 * `hello` and `retire` never change their form: an engine that finds a monitor of another version retires it and starts its own,
 * which takes over every running process from the fd store and the task files.
 */
export const MONITOR_PROTOCOL_VERSION = 2;

export type OutputTarget =
  | { readonly kind: "log"; readonly directory: string; readonly limit?: LogLimit }
  /** FIFOs `stdout` and `stderr` in the directory, read by the engine; the monitor drains them when the engine is gone. */
  | { readonly kind: "fifo" }
  | { readonly kind: "discard" };

/** Everything a process needs to be started by an OCI runtime; the monitor knows no runtime. */
export interface LaunchRequest {
  /** Container id, or CONTAINER/EXEC. */
  readonly key: string;
  /** Holds fifos, task.json and exit.json; exists. */
  readonly directory: string;
  /** The runtime's command line, which must detach and write the pid of the first process into `pidFile`. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly pidFile: string;
  /** Where the runtime was told to write its errors. */
  readonly errorFile: string;
  /** Absent without a terminal. */
  readonly consoleSocket?: string;
  readonly size?: readonly [rows: number, columns: number];
  readonly hasStdin: boolean;
  readonly output: OutputTarget;
  /** Asked for killed processes at exit. Absent for an exec. */
  readonly cgroupsPath?: string;
}

export interface ExitRecord {
  readonly code: number;
  readonly atNano: string;
  readonly isOomKilled: boolean;
}

export interface TaskRecord {
  readonly launch: LaunchRequest;
  readonly pid: number;
  readonly startedAtNano: string;
  readonly exit?: ExitRecord;
  /** Descriptor of the terminal's master in the monitor. */
  readonly masterFd?: number;
  readonly isStdinClosed: boolean;
}

/** Name of a request -> what it takes and what it answers. */
export interface MonitorCalls {
  hello: { params: Record<string, never>; result: { version: number; pid: number } };
  /** The monitor exits; processes run on. */
  retire: { params: { onlyWhenIdle: boolean }; result: { isLeaving: boolean } };
  start: { params: LaunchRequest; result: TaskRecord };
  list: { params: Record<string, never>; result: readonly TaskRecord[] };
  /** Undefined when the process is gone. */
  signal: { params: { key: string; signalNumber: number }; result: { isGone: boolean } };
  resize: { params: { key: string; rows: number; columns: number }; result: Record<string, never> };
  closeStdin: { params: { key: string }; result: Record<string, never> };
  /** Nobody reads the FIFOs of these processes any more: their output is thrown away. */
  drain: { params: { keys: readonly string[] }; result: Record<string, never> };
  /** Forgets ended processes and closes what was held for them. */
  forget: { params: { keys: readonly string[] }; result: Record<string, never> };
  /** Runs a command to its end with no stdin and no output. */
  run: { params: { argv: readonly string[]; env: readonly string[] }; result: { code: number } };
}

export type MonitorMethod = keyof MonitorCalls;

export interface ExitEvent {
  readonly event: "exit";
  readonly key: string;
  readonly exit: ExitRecord;
}

export type MonitorRequest = {
  [M in MonitorMethod]: {
    readonly id: number;
    readonly method: M;
    readonly params: MonitorCalls[M]["params"];
  };
}[MonitorMethod];

export type MonitorMessage =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: string }
  | ExitEvent;
