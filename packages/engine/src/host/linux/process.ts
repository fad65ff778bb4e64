import { readFileSync } from "node:fs";
import koffi from "koffi";
import { placeDescriptors } from "./descriptors.ts";
import { libc, checked } from "./libc.ts";

const posixSpawn = libc.func("int posix_spawn(_Out_ int*, str, void*, void*, void*, void*)") as unknown as (
  pid: Int32Array,
  path: string,
  actions: Buffer,
  attributes: Buffer,
  argv: Buffer,
  envp: Buffer,
) => number;
const actionsInit = libc.func("int posix_spawn_file_actions_init(void*)");
const actionsDup2 = libc.func("int posix_spawn_file_actions_adddup2(void*, int, int)");
const actionsDestroy = libc.func("int posix_spawn_file_actions_destroy(void*)");
const attributesInit = libc.func("int posix_spawnattr_init(void*)");
const attributesDestroy = libc.func("int posix_spawnattr_destroy(void*)");
const attributesSetFlags = libc.func("int posix_spawnattr_setflags(void*, short)");
const attributesSetMask = libc.func("int posix_spawnattr_setsigmask(void*, void*)");
const attributesSetDefault = libc.func("int posix_spawnattr_setsigdefault(void*, void*)");
const waitPid = libc.func("int waitpid(int, _Out_ int*, int)");
const waitidCall = libc.func("int waitid(int, uint, void*, int)");
const execveCall = libc.func("int execve(str, void*, void*)");
const prctl = libc.func("int prctl(int, ulong, ulong, ulong, ulong)");
const pollCall = libc.func("int poll(void*, ulong, int)");
const pidfdOpenCall = libc.func("long syscall(long, int, uint)");
const pidfdGetfdCall = libc.func("long syscall(long, int, int, uint)");
const pidfdSignalCall = libc.func("long syscall(long, int, int, void*, uint)");
const exitCall = libc.func("void _exit(int)");
const mallocTrimCall = libc.func("int malloc_trim(size_t)");
const ioctlBuffer = libc.func("int ioctl(int, ulong, void*)");

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;
const FILE_ACTIONS_BYTES = 128; // glibc x86_64 and aarch64: 80
const ATTRIBUTES_BYTES = 512; // glibc: 336
const SIGSET_BYTES = 128;
const PR_SET_CHILD_SUBREAPER = 36;
const SYS_PIDFD_SEND_SIGNAL = 424;
const SYS_PIDFD_OPEN = 434;
const SYS_PIDFD_GETFD = 438;
const EINTR = 4;
const POLLIN = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const P_PID = 1;
const CLD_EXITED = 1;
const CLD_DUMPED = 3;
const SIGINFO_BYTES = 128;
const PIDFD_GET_INFO = 0xc040ff0b;
const PIDFD_INFO_EXIT = 8;

export interface SpawnOptions {
  readonly path: string;
  /** Including argv[0]. */
  readonly argv: readonly string[];
  readonly env: readonly string[];
  /** Position n becomes descriptor n of the child; all other descriptors must be close-on-exec. */
  readonly fds: readonly number[];
}

/**
 * Starts a program in a session of its own, with an empty signal mask and default handlers; returns its pid, which the caller waits for.
 * Unlike Node's spawn it costs 0.1 ms whatever the size of this process is: glibc uses CLONE_VM|CLONE_VFORK.
 */
export function spawnProcess(options: SpawnOptions): number {
  const argv = stringArray(options.argv);
  const envp = stringArray(options.env);
  const actions = Buffer.alloc(FILE_ACTIONS_BYTES);
  const attributes = Buffer.alloc(ATTRIBUTES_BYTES);
  const pid = new Int32Array(1);
  actionsInit(actions);
  attributesInit(attributes);
  try {
    options.fds.forEach((fd, target) => actionsDup2(actions, fd, target));
    attributesSetFlags(attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    attributesSetMask(attributes, Buffer.alloc(SIGSET_BYTES));
    attributesSetDefault(attributes, Buffer.alloc(SIGSET_BYTES, 0xff));
    const failure = posixSpawn(pid, options.path, actions, attributes, argv.pointers, envp.pointers);
    if (failure !== 0) koffi.errno(failure);
    checked("posix_spawn", failure === 0 ? 0 : -1, options.path);
    return pid[0] ?? -1;
  } finally {
    actionsDestroy(actions);
    attributesDestroy(attributes);
  }
}

/** A NULL-terminated char*[]; `kept` holds the strings alive as long as the result is referenced. */
function stringArray(values: readonly string[]): { readonly pointers: Buffer; readonly kept: Buffer[] } {
  const kept = values.map((value) => Buffer.from(`${value}\0`));
  const pointers = Buffer.alloc((values.length + 1) * 8);
  kept.forEach((bytes, index) => pointers.writeBigUInt64LE(koffi.address(bytes), index * 8));
  return { pointers, kept };
}

/**
 * This process becomes another program, with `fds` as its descriptors 0 and up and `env` as its environment; its pid, parent, children
 * and subreaper setting stay. See execve(2).
 */
export function becomeProgram(options: SpawnOptions): never {
  const { path, fds } = options;
  const argumentList = stringArray(options.argv);
  const environment = stringArray(options.env);
  // From here on descriptors of Node's own may be gone: nothing but the call may follow.
  placeDescriptors(fds);
  checked("execve", execveCall(path, argumentList.pointers, environment.pointers) as number, path);
  throw new Error("execve(2) came back");
}

/** Ends this process at once: process.exit() would join every thread first, also one that sits in a system call. See _exit(2). */
export function exitNow(code: number): never {
  exitCall(code);
  throw new Error("_exit(2) came back");
}

/** Gives the system back what memory is free in all of the allocator's arenas, in a thread of its own. Source: malloc_trim(3). */
export async function trimMemory(): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    mallocTrimCall.async(0, (error: unknown) =>
      error === null || error === undefined ? resolve() : reject(error as Error),
    );
  });
}

/** Makes orphans of our descendants our children, so that we can wait for them. */
export function becomeSubreaper(): void {
  checked("prctl", prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER");
}

/** As reapProcess(), but the status stays for a later wait: of this process, or of whoever inherits the child. */
export function endedStatus(pid: number): number | "running" | "foreign" {
  const info = Buffer.alloc(SIGINFO_BYTES);
  if ((waitidCall(P_PID, pid, info, WEXITED | WNOHANG | WNOWAIT) as number) < 0) return "foreign";
  if (info.readInt32LE(16) !== pid) return "running";
  const code = info.readInt32LE(8);
  const status = info.readInt32LE(24);
  if (code === CLD_EXITED) return (status & 0xff) << 8;
  return code === CLD_DUMPED ? status | 0x80 : status;
}

/** Reaps `pid` when it has ended: its wait status. "running" while it runs, "foreign" when it is no child of ours. */
export function reapProcess(pid: number): number | "running" | "foreign" {
  const status = new Int32Array(1);
  const result = waitPid(pid, status, WNOHANG) as number;
  if (result === pid) return status[0] ?? 0;
  return result === 0 ? "running" : "foreign";
}

/** A close-on-exec descriptor that polls readable when `pid` ends. Throws ESRCH when it is gone. */
export function openPidfd(pid: number): number {
  return checked("pidfd_open", Number(pidfdOpenCall(SYS_PIDFD_OPEN, pid, 0)), String(pid));
}

/** True when the process behind `pidfd` has ended, reaped or not. */
export function hasEnded(pidfd: number): boolean {
  const entry = Buffer.alloc(8); // struct pollfd: fd, events, revents
  entry.writeInt32LE(pidfd, 0);
  entry.writeInt16LE(POLLIN, 4);
  for (;;) {
    const count = pollCall(entry, 1, 0) as number;
    // A pending signal ends even a poll that does not wait.
    if (count < 0 && koffi.errno() === EINTR) continue;
    return checked("poll", count, String(pidfd)) > 0;
  }
}

/** Copies descriptor `fd` of the process behind `pidfd` to us. */
export function takeDescriptor(pidfd: number, fd: number): number {
  return checked("pidfd_getfd", Number(pidfdGetfdCall(SYS_PIDFD_GETFD, pidfd, fd, 0)), String(fd));
}

/** Sends a signal to the very process behind `pidfd`. Throws ESRCH when it has ended. */
export function signalProcess(pidfd: number, signalNumber: number): void {
  checked(
    "pidfd_send_signal",
    Number(pidfdSignalCall(SYS_PIDFD_SEND_SIGNAL, pidfd, signalNumber, null, 0)),
    String(signalNumber),
  );
}

/**
 * Wait status of an ended process that is no child of ours: field 52 of stat while it is a zombie,
 * PIDFD_GET_INFO (Linux 6.15) after somebody reaped it, provided `pidfd` was opened before it died. Undefined when nobody knows.
 */
export function foreignWaitStatus(pid: number, pidfd: number): number | undefined {
  const fromPidfd = pidfdWaitStatus(pidfd);
  if (fromPidfd !== undefined) return fromPidfd;
  // The pidfd tells that this pid still is ours: a reaped process cannot be signalled, so its number is not read.
  try {
    signalProcess(pidfd, 0);
  } catch {
    return pidfdWaitStatus(pidfd);
  }
  const fields = processStat(pid);
  if (fields?.[2] !== "Z") return pidfdWaitStatus(pidfd);
  return Number(fields[51]);
}

function pidfdWaitStatus(pidfd: number): number | undefined {
  const info = Buffer.alloc(64);
  info.writeBigUInt64LE(15n, 0);
  if ((ioctlBuffer(pidfd, PIDFD_GET_INFO, info) as number) < 0) return undefined;
  if ((info.readBigUInt64LE(0) & BigInt(PIDFD_INFO_EXIT)) === 0n) return undefined;
  return info.readInt32LE(60);
}

/** Fields of /proc/PID/stat, first at index 0; the command's blanks do not count. Undefined when the process is gone. */
function processStat(pid: number): readonly string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    const end = text.lastIndexOf(")");
    return [
      String(pid),
      text.slice(text.indexOf("(") + 1, end),
      ...text
        .slice(end + 2)
        .trim()
        .split(" "),
    ];
  } catch {
    return undefined;
  }
}

/** Clock ticks since boot at which `pid` began: with the pid it names one process for ever. Undefined when gone. */
export function processStartTicks(pid: number): string | undefined {
  return processStat(pid)?.[21];
}

/** Docker's exit code for a wait status: 128+n when killed by signal n. */
export function exitCodeOf(waitStatus: number): number {
  const signalNumber = waitStatus & 0x7f;
  return signalNumber === 0 ? (waitStatus >> 8) & 0xff : 128 + signalNumber;
}
