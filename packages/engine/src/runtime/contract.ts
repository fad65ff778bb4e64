import type { LogLimit, RuntimeDocument, RuntimeProcess } from "#spec";
import type { OverlayMount } from "#layers";

/** How a process's stdio is kept. Without a TTY stdout and stderr are separate FIFOs of 1 MiB. */
export interface StdioSpec {
  readonly hasTty: boolean;
  /** Keep stdin open for writers; without it stdin is /dev/null. */
  readonly hasStdin: boolean;
  /** Rows, columns. */
  readonly size?: readonly [rows: number, columns: number];
}

export interface StartSpec {
  readonly id: string;
  /** Written to the bundle as config.json; its root.path is overwritten with the mounted root. */
  readonly document: RuntimeDocument;
  /** Mounted at STATE_ROOT/containers/ID/rootfs before the start, unmounted by release(). */
  readonly root: OverlayMount;
  readonly stdio: StdioSpec;
  /** Directory of the container's log (DATA_ROOT/containers/ID/log); the monitor appends raw bytes and index there. Absent = output is dropped. */
  readonly logDirectory: string;
  /** Absent = the log grows for ever. */
  readonly logLimit?: LogLimit;
}

export interface ExitStatus {
  /** 0-255; 128+n when killed by signal n. */
  readonly code: number;
  /** Nanoseconds since the epoch. */
  readonly atNano: bigint;
  readonly isOomKilled: boolean;
}

/** A started process tree of one container. Survives the engine; adopted by `adopt()` at the next start. */
export interface Task {
  readonly id: string;
  readonly pid: number;
  readonly startedAtNano: bigint;
  readonly hasTty: boolean;
  /** Resolves at exit, also after an engine restart. */
  readonly exited: Promise<ExitStatus>;
  /** Sends to the container's first process only. Throws `conflict` when it is gone. */
  kill(signalNumber: number): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  resize(rows: number, columns: number): Promise<void>;
  /** Appends to stdin, waiting for room (backpressure). Dropped when there is no stdin. */
  writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void>;
  /** The container sees end of file once everything written has been read. */
  closeStdin(): Promise<void>;
  /** Host pids of all processes in the container. */
  pids(): Promise<readonly number[]>;
}

export interface ExecSpec {
  readonly containerId: string;
  readonly execId: string;
  readonly process: RuntimeProcess;
  readonly stdio: StdioSpec;
  /** False: output is discarded (docker exec -d). */
  readonly isAttached: boolean;
}

export interface ExecTask {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  /** Output as it comes; ends when the process has exited and the pipes are drained. Read once. */
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void>;
  closeStdin(): Promise<void>;
  resize(rows: number, columns: number): Promise<void>;
  kill(signalNumber: number): Promise<void>;
}

export interface Runtime extends AsyncDisposable {
  /** What the OCI runtime is: name, path, version. */
  readonly info: { readonly name: string; readonly path: string; readonly version: string };
  /** Says that a start or an exec may come within the next moments. Returns at once, changes nothing, may be called for nothing. */
  expect(): void;
  /**
   * Mounts the root, starts the container, returns when its first process runs.
   * A failure leaves nothing. Throws `invalid` with the runtime's own sentence: texts contain "executable file not found",
   * "no such file or directory", "permission denied" or "is a directory" where Docker's do (clients map them to 127 and 126).
   */
  start(spec: StartSpec, signal: AbortSignal): Promise<Task>;
  /** Frees what a finished task holds: cgroup, mounts, fifos, bundle, fd store entries. Idempotent. Absent id is success. */
  release(id: string): Promise<void>;
  exec(spec: ExecSpec, signal: AbortSignal): Promise<ExecTask>;
  /** Applies new resource limits to a running container (linux.resources of the OCI document). */
  update(id: string, resources: RuntimeDocument["linux"]["resources"]): Promise<void>;
  /**
   * Containers found at start: running tasks, and ones that ended while no engine ran (their `exited` is already resolved).
   * Called once, before any start.
   */
  adopt(): Promise<readonly Task[]>;
  /** Finished execs whose exit code was recorded while no engine ran: execId -> status. */
  adoptedExecs(): ReadonlyMap<string, ExitStatus>;
}
