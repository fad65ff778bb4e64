import type { Digest, ExecutionConfig, Platform } from "#spec";
import type { Change } from "#layers";
import type { LogEntry, LogQuery } from "#logs";
import type { Endpoint, Network, PublishedPort } from "#networks";
import type { ContainerSettings, EndpointSettings, HostSettings } from "./settings.ts";

export type * from "./settings.ts";

export type Status = "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";

/** A mount as inspect shows it. Source: Docker Engine API, MountPoint. */
export interface MountPoint {
  readonly type: "bind" | "volume" | "tmpfs";
  readonly name?: string;
  /** Host directory; empty for tmpfs. */
  readonly source: string;
  readonly destination: string;
  readonly driver?: string;
  readonly mode: string;
  readonly isWritable: boolean;
  readonly propagation: string;
  /** A bind without the mounts below its source. */
  readonly isShallow?: boolean;
  /** Read-only itself, with writable mounts below it. */
  readonly isReadOnlyAtTop?: boolean;
}

export interface HealthResult {
  readonly start: string;
  readonly end: string;
  readonly exitCode: number;
  readonly output: string;
}

export interface ContainerState {
  readonly status: Status;
  readonly pid: number;
  readonly exitCode: number;
  readonly error: string;
  readonly isOomKilled: boolean;
  /** RFC 3339 with nanoseconds; year 1 when it never happened. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly health?: {
    readonly status: "starting" | "healthy" | "unhealthy";
    readonly failingStreak: number;
    readonly log: readonly HealthResult[];
  };
}

/** A container that another one reaches by a name of its own. */
export interface ContainerLink {
  readonly id: string;
  readonly alias: string;
}

/** Everything stored about a container. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly imageId: Digest;
  readonly settings: ContainerSettings;
  readonly host: HostSettings;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** The process as resolved at create: first word and the rest. */
  readonly path: string;
  readonly args: readonly string[];
  readonly mounts: readonly MountPoint[];
  /** On the default bridge. */
  readonly links?: readonly ContainerLink[];
  readonly state: ContainerState;
  readonly restartCount: number;
  readonly isManuallyStopped: boolean;
  readonly platform: string;
}

/** A removed container that can come back: its id, snapshot, log and files stay, its name, addresses and ports are free. */
export interface TrashedContainer {
  readonly container: Container;
  /** RFC 3339. */
  readonly removedAt: string;
  /** Blocks on the disk of what is its own. */
  readonly diskBytes: number;
  /** The layer that it stands on. */
  readonly top?: Digest;
  /** The user-defined networks that it was on, by the name that it knows them by: one that is gone is made again. */
  readonly networks: Readonly<Record<string, Network>>;
}

export interface RestoreOptions {
  /** Instead of its own name. */
  readonly name?: string;
  /** Other names for volumes that come back with it, by their own. */
  readonly volumes?: Readonly<Record<string, string>>;
}

/** Live facts beside the record. */
export interface ContainerLive {
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly PublishedPort[];
  readonly sandboxPath: string;
  readonly execIds: readonly string[];
  readonly directory: string;
  /** Worked out when it is asked for. */
  readonly root?: { readonly lowers: readonly string[]; readonly upper?: string; readonly work?: string };
}

export interface CreateRequest {
  readonly name?: string;
  readonly platform?: Platform;
  readonly settings: ContainerSettings;
  readonly host: HostSettings;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  /** A read-only bind leaves the mounts below it writable. */
  readonly areBindsReadOnlyAtTop?: boolean;
}

export interface AttachOptions {
  readonly hasStdin: boolean;
  readonly hasStdout: boolean;
  readonly hasStderr: boolean;
  /** Replay what was logged. */
  readonly hasLogs: boolean;
  /** Go on with live output. */
  readonly isStreaming: boolean;
}

/** A hijacked conversation; output ends when the process has ended and all is read. */
export interface AttachSession {
  readonly hasTty: boolean;
  readonly output: AsyncIterable<LogEntry>;
  writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void>;
  closeStdin(): Promise<void>;
  /** The client left by its keys: told as an event. */
  detached(): void;
}

export interface ExecSettings {
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly DetachKeys: string;
  readonly Tty: boolean;
  readonly Env: readonly string[];
  readonly Cmd: readonly string[];
  readonly Privileged: boolean;
  readonly User: string;
  readonly WorkingDir: string;
  readonly ConsoleSize?: readonly [number, number];
}

export interface Exec {
  readonly id: string;
  readonly containerId: string;
  readonly settings: ExecSettings;
  readonly isRunning: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
}

export interface ExecStart {
  readonly isDetached: boolean;
  /** Rows and columns of its terminal. */
  readonly size?: readonly [number, number];
  /** Called once nothing stands against the start, before the process is there. */
  readonly onAccepted?: () => void;
}

export interface ExecSession {
  readonly hasTty: boolean;
  readonly output: AsyncIterable<{ readonly stream: "stdout" | "stderr"; readonly bytes: Uint8Array }>;
  writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void>;
  closeStdin(): Promise<void>;
  /** The client left by its keys: told as an event. */
  detached(): void;
}

export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's os.FileMode. */
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

export interface Containers extends AsyncDisposable {
  list(): readonly Container[];
  /** By exact id, name (slash optional), unique id prefix. Throws `not_found` `No such container: X`, `invalid` when ambiguous. */
  get(name: string): Container;
  live(id: string): ContainerLive;
  create(request: CreateRequest, signal: AbortSignal): Promise<{ id: string; warnings: readonly string[] }>;
  /** Throws `unchanged` when it runs, `conflict` when paused. A failure leaves it created with exit code 127, 126 or 128 and the error's text. */
  start(name: string, signal: AbortSignal): Promise<void>;
  /** Throws `unchanged` when it is not running. */
  stop(
    name: string,
    options: { signal?: string; timeoutSeconds?: number },
    signal: AbortSignal,
  ): Promise<void>;
  kill(name: string, signalName: string, signal: AbortSignal): Promise<void>;
  restart(
    name: string,
    options: { signal?: string; timeoutSeconds?: number },
    signal: AbortSignal,
  ): Promise<void>;
  pause(name: string): Promise<void>;
  unpause(name: string): Promise<void>;
  rename(name: string, newName: string): Promise<void>;
  update(name: string, host: Partial<HostSettings>): Promise<readonly string[]>;
  remove(
    name: string,
    options: { isForced: boolean; hasVolumes: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  /** As remove, into the trash, also of one that was to be removed at its end. With `hasVolumes` its anonymous volumes come back with it. Answers the id. */
  discard(
    name: string,
    options: { isForced: boolean; hasVolumes: boolean },
    signal: AbortSignal,
  ): Promise<string>;
  /** Oldest first. */
  trashed(): readonly TrashedContainer[];
  /**
   * Brings it back stopped, with the volumes, networks and image that it needs. Throws `conflict` for a name that was taken meanwhile,
   * its own or a volume's, and nothing is done then. Warnings say what is not as it was.
   */
  restore(
    id: string,
    options: RestoreOptions,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly warnings: readonly string[] }>;
  /** For good, with what was only kept for it. Absent is success. */
  purge(id: string): Promise<void>;
  /** With `isDiscarding` into the trash. */
  prune(
    matches: (container: Container) => boolean,
    signal: AbortSignal,
    options?: { readonly isDiscarding: boolean },
  ): Promise<{ removed: readonly string[]; reclaimedBytes: number }>;
  resize(name: string, rows: number, columns: number): Promise<void>;
  /** Subscribed at the call; resolves with the code. */
  wait(
    name: string,
    condition: "not-running" | "next-exit" | "removed",
    signal: AbortSignal,
  ): Promise<{ code: number; error?: string }>;
  attach(name: string, options: AttachOptions, signal: AbortSignal): Promise<AttachSession>;
  logs(
    name: string,
    query: LogQuery,
    signal: AbortSignal,
  ): Promise<{
    hasTty: boolean;
    /** Comma-separated `name=value` of the log options' labels and variables; the same for every line. */
    details: string;
    /** Batches, as Logs.read() gives them. */
    entries: AsyncIterable<readonly LogEntry[]>;
  }>;
  top(
    name: string,
    psArguments: string,
    signal: AbortSignal,
  ): Promise<{ titles: readonly string[]; processes: readonly (readonly string[])[] }>;
  /** One sample of counters, Docker-shaped; undefined when not running. */
  sample(name: string): Promise<object | undefined>;
  changes(name: string, signal: AbortSignal): Promise<readonly Change[]>;
  exportRoot(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /** Bytes in the writable layer and of the whole root. */
  sizes(name: string, signal: AbortSignal): Promise<{ writableBytes: number; rootBytes: number }>;
  /** The layer that it stands on. */
  topOf(name: string): Digest | undefined;
  /** What it takes on the disk itself: blocks of its snapshot, log and files; and the layer that it stands on. */
  disk(
    name: string,
    signal: AbortSignal,
  ): Promise<{ readonly diskBytes: number; readonly writableBytes: number; readonly top?: Digest }>;
  statPath(name: string, path: string, signal: AbortSignal): Promise<PathStat>;
  readArchive(
    name: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ stat: PathStat; tar: AsyncIterable<Uint8Array> }>;
  writeArchive(
    name: string,
    path: string,
    source: AsyncIterable<Uint8Array>,
    options: { isKeepingKind: boolean; isKeepingOwner: boolean },
    signal: AbortSignal,
  ): Promise<void>;
  commit(
    name: string,
    options: {
      reference?: string;
      comment: string;
      author: string;
      isPausing: boolean;
      /** What is asked of the image, by what the container is; what it leaves open the container fills. */
      configure: (own: ExecutionConfig) => ExecutionConfig;
    },
    signal: AbortSignal,
  ): Promise<Digest>;
  createExec(name: string, settings: ExecSettings): Promise<string>;
  /** Throws `conflict` when it was started before. With isDetached the session has no output. */
  startExec(id: string, options: ExecStart, signal: AbortSignal): Promise<ExecSession>;
  exec(id: string): Exec;
  resizeExec(id: string, rows: number, columns: number): Promise<void>;
  connect(name: string, network: string, settings: EndpointSettings, signal: AbortSignal): Promise<void>;
  disconnect(name: string, network: string, isForced: boolean): Promise<void>;
}
