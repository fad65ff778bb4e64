import os from "node:os";
import koffi, { type LibraryHandle } from "koffi";

/** The C library, loaded once. Every function of it is declared in exactly one file of host/linux. */
export const libc: LibraryHandle = koffi.load("libc.so.6");

const NAMES = new Map(Object.entries(os.constants.errno).map(([name, value]) => [value, name]));

/** A system call that failed: `code` is the errno's name (EPERM), as on Node's own errors. */
export class SystemCallError extends Error {
  override readonly name: string = "SystemCallError";
  readonly code: string;
  readonly syscall: string;

  constructor(syscall: string, errno: number, detail: string) {
    const code = NAMES.get(errno) ?? `E${errno}`;
    super(`${code}: ${syscall} ${detail}`);
    this.code = code;
    this.syscall = syscall;
  }
}

/** Returns `result`, or throws SystemCallError with the thread's errno when it is negative. Call it at once after the call. */
export function checked(syscall: string, result: number, detail: string): number {
  if (result < 0) throw new SystemCallError(syscall, koffi.errno(), detail);
  return result;
}
