import { closeSync } from "node:fs";
import koffi from "koffi";
import { libc, checked } from "./libc.ts";

const mkfifoCall = libc.func("int mkfifo(str, int)");
const fcntlCall = libc.func("int fcntl(int, int, int)");
const spliceCall = libc.func("long splice(int, void*, int, void*, size_t, uint)");
const epollCreate = libc.func("int epoll_create1(int)");
const epollCtl = libc.func("int epoll_ctl(int, int, int, void*)");
const epollWait = libc.func("int epoll_wait(int, void*, int, int)");
const eventfdCall = libc.func("int eventfd(uint, int)");
const ioctlCall = libc.func("int ioctl(int, ulong, void*)");
const fallocateCall = libc.func("int fallocate(int, int, int64_t, int64_t)");
const flockCall = libc.func("int flock(int, int)");
const writeCall = libc.func("long write(int, void*, size_t)");
const readCall = libc.func("long read(int, void*, size_t)");

const F_GETFL = 3;
const F_SETFL = 4;
const O_NONBLOCK = 0o4000;
const F_SETPIPE_SZ = 1031;
const SPLICE_F_NONBLOCK = 2;
const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC_NONBLOCK = 0o2004000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLLIN = 1;
const EVENT_BYTES = process.arch === "x64" ? 12 : 16; // packed on x86_64 only (epoll_ctl(2))
const EVENT_DATA_AT = EVENT_BYTES - 8;
const TIOCSWINSZ = 0x5414;
const PUNCH_HOLE_KEEP_SIZE = 3;
const EOPNOTSUPP = 95;
const LOCK_EX_NB = 2 | 4;
const EAGAIN = 11;
const EINTR = 4;
const EIO = 5;

/** The kernel's limit for unprivileged pipes; larger fails with EPERM where CAP_SYS_RESOURCE is missing. */
export const PIPE_BYTES = 1_048_576;

/** Gives the disk space of bytes [from, to) back; they read as zeros. False where the file system cannot. Source: fallocate(2). */
export function punchHole(fd: number, from: number, to: number): boolean {
  if (to <= from) return true;
  const result = fallocateCall(fd, PUNCH_HOLE_KEEP_SIZE, from, to - from) as number;
  if (result < 0 && koffi.errno() === EOPNOTSUPP) return false;
  checked("fallocate", result, `[${from}, ${to})`);
  return true;
}

/** Makes a FIFO; one that exists already is kept. */
export function makeFifo(path: string, mode: number): void {
  if ((mkfifoCall(path, mode) as number) < 0) {
    const number = koffi.errno();
    if (number !== 17) checked("mkfifo", -1, path);
  }
}

/** Grows a pipe to 1 MiB, or leaves it as it is when the kernel says no. */
export function growPipe(fd: number): void {
  fcntlCall(fd, F_SETPIPE_SZ, PIPE_BYTES);
}

export function setNonBlocking(fd: number): void {
  const flags = checked("fcntl", fcntlCall(fd, F_GETFL, 0) as number, "F_GETFL");
  checked("fcntl", fcntlCall(fd, F_SETFL, flags | O_NONBLOCK) as number, "F_SETFL");
}

/**
 * Moves up to `limitBytes` without copying, at most what is there: bytes moved, 0 at end of file, "empty" when the source has nothing
 * (or the target pipe is full), "closed" when a terminal's last slave is gone. `offset` for a file, undefined for a pipe.
 */
export function spliceBytes(
  from: number,
  to: number,
  offset: bigint | undefined,
  limitBytes: number,
): number | "empty" | "closed" {
  const position = offset === undefined ? null : Buffer.alloc(8);
  if (position !== null && offset !== undefined) position.writeBigInt64LE(offset);
  const moved = Number(spliceCall(from, null, to, position, limitBytes, SPLICE_F_NONBLOCK));
  if (moved >= 0) return moved;
  const number = koffi.errno();
  if (number === EAGAIN || number === EINTR) return "empty";
  if (number === EIO) return "closed";
  return checked("splice", -1, `of ${limitBytes} bytes`);
}

/** Writes what fits now: bytes written, 0 when the other side has no room, "closed" when there is no reader. */
export function writeNow(fd: number, bytes: Uint8Array): number | "closed" {
  const written = Number(writeCall(fd, bytes, bytes.byteLength));
  if (written >= 0) return written;
  const number = koffi.errno();
  if (number === EAGAIN || number === EINTR) return 0;
  return number === EIO || number === 32 ? "closed" : checked("write", -1, String(fd));
}

/** Reads what is there into `target`: bytes read, 0 at end of file, "empty" when nothing is there, "closed" for a dead terminal. */
export function readNow(fd: number, target: Uint8Array): number | "empty" | "closed" {
  const count = Number(readCall(fd, target, target.byteLength));
  if (count >= 0) return count;
  const number = koffi.errno();
  if (number === EAGAIN || number === EINTR) return "empty";
  return number === EIO ? "closed" : checked("read", -1, String(fd));
}

export function resizeTerminal(fd: number, rows: number, columns: number): void {
  const size = Buffer.alloc(8);
  size.writeUInt16LE(rows, 0);
  size.writeUInt16LE(columns, 2);
  checked("ioctl", ioctlCall(fd, TIOCSWINSZ, size) as number, "TIOCSWINSZ");
}

/** Takes the exclusive lock of an open file; false when another process has it. */
export function lockFile(fd: number): boolean {
  return (flockCall(fd, LOCK_EX_NB) as number) === 0;
}

/**
 * Waits for any of many descriptors to be readable, level-triggered, without timers. One libuv pool thread sits in epoll_wait while
 * `wait()` is pending. Disposing wakes it.
 */
export class Readiness implements Disposable {
  readonly #epoll: number;
  readonly #wakeUp: number;
  readonly #events = Buffer.alloc(EVENT_BYTES * 64);
  #isDisposed = false;
  #isWaiting = false;

  constructor() {
    this.#epoll = checked("epoll_create1", epollCreate(EPOLL_CLOEXEC) as number, "");
    this.#wakeUp = checked("eventfd", eventfdCall(0, EFD_CLOEXEC_NONBLOCK) as number, "");
    this.add(this.#wakeUp);
  }

  add(fd: number): void {
    const event = Buffer.alloc(EVENT_BYTES);
    event.writeUInt32LE(EPOLLIN, 0);
    event.writeUInt32LE(fd, EVENT_DATA_AT);
    checked("epoll_ctl", epollCtl(this.#epoll, EPOLL_CTL_ADD, fd, event) as number, `add ${fd}`);
  }

  /** Call it before closing the descriptor: a copy elsewhere would keep it registered. */
  remove(fd: number): void {
    epollCtl(this.#epoll, EPOLL_CTL_DEL, fd, Buffer.alloc(EVENT_BYTES));
  }

  /** Descriptors that are readable, closed or broken now; empty after dispose. */
  async wait(): Promise<readonly number[]> {
    if (this.#isDisposed) return [];
    this.#isWaiting = true;
    const count = await new Promise<number>((resolve, reject) => {
      epollWait.async(this.#epoll, this.#events, 64, -1, (error: unknown, result: number) =>
        error === null || error === undefined ? resolve(result) : reject(error as Error),
      );
    });
    this.#isWaiting = false;
    if (this.#isDisposed) {
      this.#close();
      return [];
    }
    const ready: number[] = [];
    for (let index = 0; index < count; index++)
      ready.push(this.#events.readUInt32LE(index * EVENT_BYTES + EVENT_DATA_AT));
    return ready;
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    const one = Buffer.alloc(8);
    one.writeUInt32LE(1);
    writeCall(this.#wakeUp, one, 8);
    if (!this.#isWaiting) this.#close();
  }

  #close(): void {
    closeSync(this.#epoll);
    closeSync(this.#wakeUp);
  }
}
