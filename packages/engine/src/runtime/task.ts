import { linuxCgroups } from "#host";
import { LongshoreError } from "#kernel";
import type { ExecTask, ExitStatus, Task } from "./contract.ts";
import type { ExecOutput } from "./exec-output.ts";
import type { MonitorLink } from "./monitor-link.ts";
import type { TaskRecord } from "./monitor/protocol.ts";
import { StdinWriter } from "./stdin-writer.ts";

async function signalTask(monitor: MonitorLink, key: string, signalNumber: number): Promise<void> {
  const { isGone } = await monitor.repeat("signal", { key, signalNumber });
  if (isGone)
    throw new LongshoreError("conflict", `process of "${key}" is gone, signal ${signalNumber} was not sent`);
}

/** A container's first process, kept by the monitor. */
export class LinuxTask implements Task {
  readonly id: string;
  readonly pid: number;
  readonly startedAtNano: bigint;
  readonly hasTty: boolean;
  readonly exited: Promise<ExitStatus>;
  readonly #record: TaskRecord;
  readonly #monitor: MonitorLink;
  readonly #stdin: StdinWriter;

  constructor(record: TaskRecord, monitor: MonitorLink, exited: Promise<ExitStatus>) {
    this.id = record.launch.key;
    this.pid = record.pid;
    this.startedAtNano = BigInt(record.startedAtNano);
    this.hasTty = record.launch.consoleSocket !== undefined;
    this.exited = exited;
    this.#record = record;
    this.#monitor = monitor;
    this.#stdin = new StdinWriter(record, monitor);
    void exited.then(() => this.#stdin[Symbol.dispose]());
  }

  async kill(signalNumber: number): Promise<void> {
    await signalTask(this.#monitor, this.id, signalNumber);
  }

  async pause(): Promise<void> {
    this.#freeze(true);
  }

  async resume(): Promise<void> {
    this.#freeze(false);
  }

  #freeze(isFrozen: boolean): void {
    const { cgroupsPath } = this.#record.launch;
    if (cgroupsPath === undefined || !linuxCgroups.setFrozen(cgroupsPath, isFrozen))
      throw new LongshoreError(
        "conflict",
        `cgroup of container ${this.id} is gone, it cannot be ${isFrozen ? "paused" : "resumed"}`,
      );
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (this.hasTty) await this.#monitor.repeat("resize", { key: this.id, rows, columns });
  }

  async writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#stdin.write(chunk, signal);
  }

  async closeStdin(): Promise<void> {
    await this.#stdin.close();
  }

  async pids(): Promise<readonly number[]> {
    const { cgroupsPath } = this.#record.launch;
    return cgroupsPath === undefined ? [this.pid] : linuxCgroups.pids(cgroupsPath);
  }
}

/** A process started in a running container. */
export class LinuxExecTask implements ExecTask {
  readonly pid: number;
  readonly exited: Promise<ExitStatus>;
  readonly output: ExecTask["output"];
  readonly #key: string;
  readonly #monitor: MonitorLink;
  readonly #stdin: StdinWriter;

  /** `forget` drops what is kept for the exec; called once its output was read to the end, or at exit when there is none. */
  constructor(
    record: TaskRecord,
    monitor: MonitorLink,
    exited: Promise<ExitStatus>,
    output: ExecOutput | undefined,
    forget: () => Promise<void>,
  ) {
    this.pid = record.pid;
    this.exited = exited;
    this.#key = record.launch.key;
    this.#monitor = monitor;
    this.#stdin = new StdinWriter(record, monitor);
    void exited.then(() => this.#stdin[Symbol.dispose]());
    if (output === undefined) void exited.then(forget).catch(() => {});
    this.output = output === undefined ? nothing() : readAndForget(output, exited, forget);
  }

  async writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    await this.#stdin.write(chunk, signal);
  }

  async closeStdin(): Promise<void> {
    await this.#stdin.close();
  }

  async resize(rows: number, columns: number): Promise<void> {
    await this.#monitor.repeat("resize", { key: this.#key, rows, columns });
  }

  async kill(signalNumber: number): Promise<void> {
    await signalTask(this.#monitor, this.#key, signalNumber);
  }
}

async function* readAndForget(
  output: ExecOutput,
  exited: Promise<ExitStatus>,
  forget: () => Promise<void>,
): AsyncGenerator<{ stream: "stdout" | "stderr"; bytes: Uint8Array }> {
  try {
    yield* output.read(exited);
  } finally {
    // An abandoned exec runs on: its pipes are emptied by the monitor once nobody reads.
    void exited.then(forget).catch(() => {});
  }
}

async function* nothing(): AsyncGenerator<{ stream: "stdout" | "stderr"; bytes: Uint8Array }> {}
