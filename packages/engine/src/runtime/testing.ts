import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { LongshoreError } from "#kernel";
import { FakeCgroups } from "#testing/host";
import { encodeLogEntry, LOG_DATA_FILE, LOG_ENTRY_BYTES, LOG_INDEX_FILE, type RuntimeProcess } from "#spec";
import type { ExecSpec, ExecTask, ExitStatus, Runtime, StartSpec, StdioSpec, Task } from "./contract.ts";
import { runtimeRefusal } from "./runtime-errors.ts";

const SIGKILL = 9;
type Stream = "stdout" | "stderr";
type OpenSink = (logDirectory: string) => (stream: Stream, bytes: Uint8Array) => void;

/** What a program of the fake sees: its arguments, its streams, its terminal, the signals it asks for. */
export interface FakeProcess {
  readonly args: readonly string[];
  readonly env: readonly string[];
  /** Rows and columns now. */
  readonly size: readonly [number, number];
  write(stream: Stream, text: string | Uint8Array): Promise<void>;
  /** The next piece of stdin; undefined at its end. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves at the next signal; until a program asks, all but KILL are ignored, as by the first process of a pid namespace. */
  signal(): Promise<number>;
}

/** A program's whole behaviour; its answer is the exit code. */
export type FakeProgram = (process: FakeProcess) => Promise<number>;

/** Sleeps until it is killed or ended by the test. */
export const sleeper: FakeProgram = () => new Promise(() => {});

interface FakeCgroup {
  readonly all: FakeCgroups;
  readonly path: string;
}

class FakeTask implements Task, ExecTask {
  readonly id: string;
  readonly pid: number;
  readonly startedAtNano: bigint;
  readonly hasTty: boolean;
  readonly exited: Promise<ExitStatus>;
  readonly output: ExecTask["output"];
  readonly #exit = Promise.withResolvers<ExitStatus>();
  readonly #stdio: StdioSpec;
  readonly #input: Uint8Array[] = [];
  readonly #sink: (stream: Stream, bytes: Uint8Array) => void;
  readonly #cgroup: FakeCgroup;
  readonly #nowNano: () => bigint;
  #size: readonly [number, number];
  #isStdinOpen: boolean;
  #hasEnded = false;
  #thawed: PromiseWithResolvers<void> | undefined;
  #wakeReader: () => void = () => {};
  #onSignal: ((signalNumber: number) => void) | undefined;

  constructor(
    id: string,
    pid: number,
    stdio: StdioSpec,
    nowNano: () => bigint,
    cgroup: FakeCgroup,
    sink: ((stream: Stream, bytes: Uint8Array) => void) | undefined,
  ) {
    this.id = id;
    this.pid = pid;
    this.#cgroup = cgroup;
    cgroup.all.join(cgroup.path, pid);
    this.hasTty = stdio.hasTty;
    this.#stdio = stdio;
    this.#size = stdio.size ?? [0, 0];
    this.#isStdinOpen = stdio.hasStdin;
    this.#nowNano = nowNano;
    this.startedAtNano = nowNano();
    this.exited = this.#exit.promise;
    const pieces = new PieceQueue();
    this.#sink = sink ?? ((stream, bytes) => pieces.push({ stream, bytes }));
    void this.exited.then(() => pieces.end());
    this.output = pieces;
  }

  run(program: FakeProgram, process: RuntimeProcess): void {
    const view: FakeProcess = {
      args: process.args,
      env: process.env,
      size: this.#size,
      write: async (stream, text) => {
        await this.#thawed?.promise;
        const bytes = typeof text === "string" ? Buffer.from(text) : text;
        if (!this.#hasEnded)
          this.#sink(this.hasTty ? "stdout" : stream, this.hasTty ? withCarriage(bytes) : bytes);
      },
      read: () => this.#read(),
      signal: () =>
        new Promise((resolve) => {
          this.#onSignal = resolve;
        }),
    };
    Object.defineProperty(view, "size", { get: () => this.#size });
    void program(view).then((code) => this.end(code));
  }

  /** Ends the process; a frozen one as soon as it is resumed. */
  end(code: number, isOomKilled = false): void {
    if (this.#thawed !== undefined) {
      void this.#thawed.promise.then(() => this.end(code, isOomKilled));
      return;
    }
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#cgroup.all.leave(this.pid, isOomKilled);
    this.#exit.resolve({ code, atNano: this.#nowNano(), isOomKilled });
  }

  async #read(): Promise<Uint8Array | undefined> {
    for (;;) {
      await this.#thawed?.promise;
      const piece = this.#input.shift();
      if (piece !== undefined || !this.#isStdinOpen) return piece;
      await new Promise<void>((resolve) => {
        this.#wakeReader = resolve;
      });
    }
  }

  async kill(signalNumber: number): Promise<void> {
    if (this.#hasEnded)
      throw new LongshoreError(
        "conflict",
        `process of "${this.id}" is gone, signal ${signalNumber} was not sent`,
      );
    if (signalNumber === SIGKILL) this.end(128 + SIGKILL);
    else this.#onSignal?.(signalNumber);
  }

  async pause(): Promise<void> {
    this.#cgroup.all.setFrozen(this.#cgroup.path, true);
    this.#thawed ??= Promise.withResolvers();
  }

  async resume(): Promise<void> {
    this.#cgroup.all.setFrozen(this.#cgroup.path, false);
    this.#thawed?.resolve();
    this.#thawed = undefined;
  }

  async resize(rows: number, columns: number): Promise<void> {
    if (this.hasTty) this.#size = [rows, columns];
  }

  async writeStdin(chunk: Uint8Array, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!this.#isStdinOpen || this.#hasEnded) return;
    this.#input.push(Uint8Array.from(chunk));
    this.#wakeReader();
  }

  async closeStdin(): Promise<void> {
    if (!this.#stdio.hasStdin) return;
    this.#isStdinOpen = false;
    this.#wakeReader();
  }

  async pids(): Promise<readonly number[]> {
    return this.#cgroup.all.pids(this.#cgroup.path);
  }
}

/** A terminal turns LF into CR LF. */
function withCarriage(bytes: Uint8Array): Uint8Array {
  return Buffer.from(Buffer.from(bytes).toString("latin1").replaceAll("\n", "\r\n"), "latin1");
}

interface Piece {
  readonly stream: Stream;
  readonly bytes: Uint8Array;
}

class PieceQueue implements AsyncIterable<Piece> {
  readonly #pieces: Piece[] = [];
  #hasEnded = false;
  #wake: () => void = () => {};

  push(piece: Piece): void {
    this.#pieces.push(piece);
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Piece> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece !== undefined) yield piece;
      else if (this.#hasEnded) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}

/** A machine without processes: programs are functions, logs real files unless told otherwise. It outlives the runtimes opened on it, as the monitor outlives engines. */
export class FakeMachine {
  /** Every start asked for, in order: documents for golden tests. */
  readonly starts: StartSpec[] = [];
  readonly updates: { readonly id: string; readonly resources: object }[] = [];
  /** Every container's, with its processes in it, from start to release. */
  readonly cgroups: FakeCgroups = new FakeCgroups();
  readonly #programs: Readonly<Record<string, FakeProgram>>;
  readonly #nowNano: () => bigint;
  readonly #tasks = new Map<string, FakeTask>();
  readonly #cgroupPaths = new Map<string, string>();
  readonly #adoptable = new Map<string, ExitStatus>();
  readonly #logTo: OpenSink;
  readonly #engineExecs = new Set<FakeTask>();
  #pid = 1000;

  /** `programs` by `args.join(" ")`, or by the first argument, or `*` for the rest; `logTo` gets the log directory of each start. */
  constructor(
    programs: Readonly<Record<string, FakeProgram>>,
    now: () => Date = () => new Date(),
    logTo: OpenSink = fileSink,
  ) {
    this.#programs = programs;
    this.#logTo = logTo;
    let last = 0n;
    this.#nowNano = () => {
      const next = BigInt(now().getTime()) * 1_000_000n;
      last = next > last ? next : last + 1n;
      return last;
    };
  }

  /** Ends a running container's process from outside. */
  end(id: string, code: number, isOomKilled = false): void {
    const task = this.#tasks.get(id);
    if (task === undefined) throw new Error(`no process of "${id}" runs on the fake machine`);
    task.end(code, isOomKilled);
  }

  isKnown(id: string): boolean {
    return this.#tasks.has(id);
  }

  /** A runtime as an engine opens it; the programs run on when it is disposed. */
  open(): Runtime {
    const own = new Set<string>();
    return {
      info: { name: "fake", path: "/fake", version: "1" },
      start: async (spec, signal) => {
        signal.throwIfAborted();
        const { process, linux } = spec.document;
        this.cgroups.create(linux.cgroupsPath);
        this.#cgroupPaths.set(spec.id, linux.cgroupsPath);
        const task = this.#launch(
          spec.id,
          linux.cgroupsPath,
          process,
          spec.stdio,
          this.#logTo(spec.logDirectory),
        );
        this.starts.push(spec);
        this.#tasks.set(spec.id, task);
        return task;
      },
      expect: () => {},
      release: async (id) => {
        this.#tasks.delete(id);
        const cgroup = this.#cgroupPaths.get(id);
        if (cgroup !== undefined) this.cgroups.remove(cgroup);
        this.#cgroupPaths.delete(id);
      },
      exec: async (spec: ExecSpec, signal: AbortSignal) => {
        signal.throwIfAborted();
        if (!this.#tasks.has(spec.containerId))
          throw new LongshoreError("invalid", `container "${spec.containerId}" does not run`);
        const task = this.#launch(
          `${spec.containerId}/${spec.execId}`,
          this.#cgroupPaths.get(spec.containerId) ?? "",
          spec.process,
          spec.stdio,
          spec.isAttached ? undefined : () => {},
        );
        own.add(spec.execId);
        this.#engineExecs.add(task);
        void task.exited.then((status) => {
          if (!own.has(spec.execId)) this.#adoptable.set(spec.execId, status);
        });
        return task;
      },
      update: async (id, resources) => void this.updates.push({ id, resources }),
      adopt: async () => [...this.#tasks.values()],
      adoptedExecs: () => this.#adoptable,
      [Symbol.asyncDispose]: async () => own.clear(),
    };
  }

  #launch(
    key: string,
    cgroupPath: string,
    process: RuntimeProcess,
    stdio: StdioSpec,
    sink: ((stream: Stream, bytes: Uint8Array) => void) | undefined,
  ): FakeTask {
    const name = process.args[0] ?? "";
    const program = this.#programs[process.args.join(" ")] ?? this.#programs[name] ?? this.#programs["*"];
    if (program === undefined)
      throw runtimeRefusal(
        "crun",
        `executable file \`${name}\` not found${name.startsWith("/") ? ": No such file or directory" : " in $PATH"}`,
        name,
      );
    const cgroup = { all: this.cgroups, path: cgroupPath };
    const task = new FakeTask(key, ++this.#pid, stdio, this.#nowNano, cgroup, sink);
    task.run(program, process);
    return task;
  }
}

/** Appends as the monitor does: the entry, then its bytes. Source of the format: spec/log-format.ts. */
function fileSink(directory: string): (stream: Stream, bytes: Uint8Array) => void {
  mkdirSync(directory, { recursive: true });
  const begun = new Set<Stream>();
  const data = path.join(directory, LOG_DATA_FILE);
  writeFileSync(data, "", { flag: "a" });
  return (stream, bytes) => {
    const entry = Buffer.alloc(LOG_ENTRY_BYTES);
    const isRunStart = !begun.has(stream);
    begun.add(stream);
    const timeNano = BigInt(Date.now()) * 1_000_000n;
    encodeLogEntry({ offset: statSync(data).size, timeNano, stream, isRunStart }, entry, 0);
    appendFileSync(path.join(directory, LOG_INDEX_FILE), entry);
    appendFileSync(data, bytes);
  };
}

/** All bytes of a log directory, both streams in the order they came. */
export function loggedText(directory: string): string {
  return readFileSync(path.join(directory, LOG_DATA_FILE), "utf8");
}
