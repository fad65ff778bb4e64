import { closeSync, constants, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { errno, LongshoreError } from "#kernel";
import {
  makeFifo,
  linuxCgroups,
  openPidfd,
  resizeTerminal,
  signalProcess,
  spawnProcess,
  wallNano,
} from "#host";
import { listenForConsole, receiveConsole } from "./console-socket.ts";
import type { FdStore } from "./fd-store.ts";
import { launching } from "./orphans.ts";
import { childEnd, UNKNOWN_EXIT_CODE, watchEnd } from "./process-end.ts";
import { ProcessOutput, streamsOf } from "./process-output.ts";
import type { ExitRecord, LaunchRequest, TaskRecord } from "./protocol.ts";
import { runtimeError } from "./runtime-error.ts";
import { openTerm, termEnd } from "./runtime-term.ts";
import type { Watcher } from "./watcher.ts";

export const TASK_FILE = "task.json";
export const EXIT_FILE = "exit.json";
const SIGKILL = 9;

export interface Surroundings {
  readonly watcher: Watcher;
  readonly store: FdStore;
  readonly onExit: (key: string, exit: ExitRecord) => void;
}

/** What task.json holds: only the launch while the runtime works, then also the process. */
export interface TaskFile {
  readonly launch: LaunchRequest;
  readonly pid?: number;
  readonly startedAtNano?: string;
  readonly isStdinClosed?: boolean;
}

/** One process that a runtime started: its end, its output, its terminal, its stdin. */
export class Supervised {
  readonly #around: Surroundings;
  readonly #launch: LaunchRequest;
  readonly #output: ProcessOutput;
  readonly #pid: number;
  readonly #startedAtNano: string;
  readonly #pidfd: number | undefined;
  #master: number | undefined;
  #stdin: number | undefined;
  #exit: ExitRecord | undefined;
  #isStdinClosed: boolean;

  private constructor(
    around: Surroundings,
    launch: LaunchRequest,
    output: ProcessOutput,
    known: {
      pid: number;
      startedAtNano: string;
      pidfd?: number | undefined;
      master?: number | undefined;
      stdin?: number | undefined;
      exit?: ExitRecord | undefined;
      isStdinClosed: boolean;
    },
  ) {
    this.#around = around;
    this.#launch = launch;
    this.#output = output;
    this.#pid = known.pid;
    this.#startedAtNano = known.startedAtNano;
    this.#pidfd = known.pidfd;
    this.#master = known.master;
    this.#stdin = known.stdin;
    this.#exit = known.exit;
    this.#isStdinClosed = known.isStdinClosed;
  }

  /** Runs the runtime and returns when the first process is there. A failure leaves no descriptor and no record. */
  static async launch(around: Surroundings, launch: LaunchRequest): Promise<Supervised> {
    const { watcher, store } = around;
    using _ = launching();
    using undo = new DisposableStack();
    writeTask({ launch });
    for (const file of [path.join(launch.directory, EXIT_FILE), launch.pidFile, launch.errorFile])
      rmSync(file, { force: true });
    undo.defer(() => rmSync(path.join(launch.directory, TASK_FILE), { force: true }));
    const output = ProcessOutput.open(launch, watcher, new Map());
    undo.defer(() => output.close());
    const listener = launch.consoleSocket === undefined ? undefined : listenForConsole(launch.consoleSocket);
    undo.defer(() => closeConsole(launch, listener));
    const stdio = openStdio(launch, output);
    const stdin = stdio.writer;
    if (stdin !== undefined) undo.defer(() => closeSync(stdin));
    const term = openTerm(launch.directory);
    let end: Promise<number>;
    try {
      // Kept before the process is there: it may end, and take what it wrote with it, before the next monitor comes.
      store.put(launch.key, {
        ...output.kept,
        ...(stdin !== undefined && { stdin }),
        ...(listener !== undefined && { listener }),
      });
      undo.defer(() => store.drop(launch.key));
      const [argv, env] = [launch.argv, launch.env];
      const runtimePid = spawnProcess({ path: argv[0] ?? "", argv, env, fds: [...stdio.fds, term] });
      end = childEnd(watcher, runtimePid);
    } finally {
      for (const fd of [...stdio.fds, term]) closeSync(fd);
    }
    const code = await end;
    if (code !== 0) throw new LongshoreError("invalid", runtimeError(launch.errorFile, code));

    const pid = Number(readFileSync(launch.pidFile, "latin1"));
    const pidfd = openPidfd(pid); // our child by the subreaper setting, so it cannot be gone
    undo.defer(() => closeSync(pidfd));
    const master = listener === undefined ? undefined : receiveConsole(listener);
    if (master !== undefined) undo.defer(() => closeSync(master));
    else if (listener !== undefined) throw new LongshoreError("invalid", "the runtime sent no terminal");
    const supervised = new Supervised(around, launch, output, {
      pid,
      startedAtNano: String(wallNano()),
      pidfd,
      master,
      stdin,
      isStdinClosed: stdin === undefined,
    });
    supervised.#keep();
    closeConsole(launch, listener);
    undo.move();
    supervised.#begin(true);
    return supervised;
  }

  /** Goes on with what an earlier monitor started, and owns `kept`. Undefined when its start left no process: then the caller closes `kept`. */
  static async adopt(
    around: Surroundings,
    directory: string,
    kept: ReadonlyMap<string, number>,
  ): Promise<Supervised | undefined> {
    const task = JSON.parse(readFileSync(path.join(directory, TASK_FILE), "utf8")) as TaskFile;
    const { launch } = task;
    const exit = readExit(directory);
    if (exit !== undefined) {
      for (const fd of kept.values()) closeSync(fd);
      const nowhere = { ...launch, output: { kind: "discard" } } as const;
      return new Supervised(around, launch, ProcessOutput.open(nowhere, around.watcher, new Map()), {
        pid: task.pid ?? pidIn(launch.pidFile) ?? 0,
        startedAtNano: task.startedAtNano ?? exit.atNano,
        exit,
        isStdinClosed: true,
      });
    }
    const isInterrupted = task.pid === undefined;
    if (isInterrupted) await termEnd(around.watcher, directory);
    const pid = task.pid ?? pidIn(launch.pidFile);
    const pidfd = kept.get("pidfd") ?? (pid === undefined ? undefined : pidfdOrGone(pid));
    const listener = kept.get("listener");
    const master = kept.get("master") ?? (listener === undefined ? undefined : receiveConsole(listener));
    if (launch.consoleSocket !== undefined) rmSync(launch.consoleSocket, { force: true });
    const isLost = isInterrupted && launch.consoleSocket !== undefined && master === undefined;
    if (pid === undefined || isLost) {
      // Nobody was told of it, and nobody could ever use a terminal that went with the monitor: it is started anew.
      if (pidfd !== undefined) endQuietly(pidfd);
      if (pidfd !== undefined && kept.get("pidfd") === undefined) closeSync(pidfd);
      if (master !== undefined && kept.get("master") === undefined) closeSync(master);
      rmSync(path.join(directory, TASK_FILE), { force: true });
      return undefined;
    }
    if (listener !== undefined) closeSync(listener);
    const isStdinClosed = !launch.hasStdin || task.isStdinClosed === true;
    const stdin = kept.get("stdin");
    if (isStdinClosed && stdin !== undefined) closeSync(stdin);
    const output = ProcessOutput.open(launch, around.watcher, kept);
    const supervised = new Supervised(around, launch, output, {
      pid,
      startedAtNano: task.startedAtNano ?? String(wallNano()),
      pidfd,
      master,
      stdin: isStdinClosed ? undefined : stdin,
      isStdinClosed,
    });
    if (isInterrupted) supervised.#keep();
    supervised.#begin(isInterrupted);
    return supervised;
  }

  /** What a later monitor needs to know: descriptors first, then the record that says so. */
  #keep(): void {
    const fds = {
      ...(this.#pidfd !== undefined && { pidfd: this.#pidfd }),
      ...(this.#master !== undefined && { master: this.#master }),
    };
    this.#around.store.put(this.#launch.key, fds);
    const { size } = this.#launch;
    if (this.#master !== undefined && size !== undefined) resizeTerminal(this.#master, ...size);
    writeTask({ launch: this.#launch, pid: this.#pid, startedAtNano: this.#startedAtNano });
  }

  #begin(isNewRun: boolean): void {
    this.#output.begin(this.#master, isNewRun);
    if (this.#pidfd === undefined) {
      process.stderr.write(`${this.#launch.key}: no process ${this.#pid} and no pidfd was kept\n`);
      this.#ended(UNKNOWN_EXIT_CODE);
    } else watchEnd(this.#around.watcher, this.#pid, this.#pidfd, (code) => this.#ended(code));
  }

  get isRunning(): boolean {
    return this.#exit === undefined;
  }

  get record(): TaskRecord {
    return {
      launch: this.#launch,
      pid: this.#pid,
      startedAtNano: this.#startedAtNano,
      isStdinClosed: this.#isStdinClosed,
      ...(this.#exit === undefined ? {} : { exit: this.#exit }),
      ...(this.#master === undefined ? {} : { masterFd: this.#master }),
    };
  }

  signal(signalNumber: number): boolean {
    if (this.#exit !== undefined || this.#pidfd === undefined) return false;
    try {
      signalProcess(this.#pidfd, signalNumber);
      return true;
    } catch (error) {
      if (errno(error) === "ESRCH") return false;
      throw error;
    }
  }

  resize(rows: number, columns: number): void {
    if (this.#master !== undefined) resizeTerminal(this.#master, rows, columns);
  }

  closeStdin(): void {
    if (this.#isStdinClosed) return;
    this.#isStdinClosed = true;
    if (this.#exit === undefined)
      writeTask({
        launch: this.#launch,
        pid: this.#pid,
        startedAtNano: this.#startedAtNano,
        isStdinClosed: true,
      });
    this.#dropStdin();
    this.#around.store.drop(this.#launch.key, "stdin");
  }

  /** The engine that read a FIFO is gone. */
  drain(): void {
    this.#output.drain();
  }

  /** Forgets an ended process. First its record: without it no later monitor takes what else is left for a process. */
  forget(): void {
    rmSync(path.join(this.#launch.directory, TASK_FILE), { force: true });
    this.#around.store.drop(this.#launch.key);
    this.#output.close();
    this.#master = undefined;
  }

  #dropStdin(): void {
    if (this.#stdin !== undefined) closeSync(this.#stdin);
    this.#stdin = undefined;
  }

  #ended(code: number): void {
    this.#output.finish();
    const exit: ExitRecord = {
      code,
      atNano: String(wallNano()),
      isOomKilled:
        this.#launch.cgroupsPath !== undefined && linuxCgroups.oomKillCount(this.#launch.cgroupsPath) > 0,
    };
    writeJson(path.join(this.#launch.directory, EXIT_FILE), exit);
    this.#exit = exit;
    this.#dropStdin();
    if (this.#pidfd !== undefined) closeSync(this.#pidfd);
    this.#around.onExit(this.#launch.key, exit);
  }
}

function openStdio(
  launch: LaunchRequest,
  output: ProcessOutput,
): { readonly fds: readonly number[]; readonly writer?: number } {
  const nothing = (): number => openSync("/dev/null", constants.O_RDWR);
  if (launch.consoleSocket !== undefined) return { fds: [nothing(), nothing(), nothing()] };
  const outputs = streamsOf(launch).map((stream) => output.openWriter(stream));
  if (!launch.hasStdin) return { fds: [nothing(), ...outputs] };
  const file = path.join(launch.directory, "stdin");
  makeFifo(file, 0o600);
  const both = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  // The process gets a read end of its own: one opened read-write would never see end of file.
  const reader = openSync(file, constants.O_RDONLY);
  const writer = openSync(file, constants.O_WRONLY | constants.O_NONBLOCK);
  closeSync(both);
  return { fds: [reader, ...outputs], writer };
}

function writeTask(task: TaskFile): void {
  writeJson(path.join(task.launch.directory, TASK_FILE), task);
}

function writeJson(file: string, value: unknown): void {
  writeFileSync(`${file}.new`, JSON.stringify(value));
  renameSync(`${file}.new`, file);
}

function readExit(directory: string): ExitRecord | undefined {
  try {
    return JSON.parse(readFileSync(path.join(directory, EXIT_FILE), "utf8")) as ExitRecord;
  } catch {
    return undefined;
  }
}

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "latin1")) || undefined;
  } catch {
    return undefined;
  }
}

function pidfdOrGone(pid: number): number | undefined {
  try {
    return openPidfd(pid);
  } catch {
    return undefined;
  }
}

function endQuietly(pidfd: number): void {
  try {
    signalProcess(pidfd, SIGKILL);
  } catch (error) {
    if (errno(error) !== "ESRCH") throw error;
  }
}

function closeConsole(launch: LaunchRequest, listener: number | undefined): void {
  if (listener !== undefined) closeSync(listener);
  if (launch.consoleSocket !== undefined) rmSync(launch.consoleSocket, { force: true });
}
