import { checked, libc } from "./libc.ts";

const fcntlCall = libc.func("int fcntl(int, int, int)");
const dup2Call = libc.func("int dup2(int, int)");

const F_SETFD = 2;
const F_GETFL = 3;
const F_SETFL = 4;
const F_SETOWN = 8;
const F_DUPFD_CLOEXEC = 1030;
const FD_CLOEXEC = 1;
const O_ASYNC = 0o20000;

/** A close-on-exec copy of `fd` numbered `least` or more. */
export function copyDescriptor(fd: number, least: number): number {
  return checked("fcntl", fcntlCall(fd, F_DUPFD_CLOEXEC, least) as number, `F_DUPFD_CLOEXEC ${fd}`);
}

/** Descriptors that we inherited stay with us. */
export function closeOnExec(fds: readonly number[]): void {
  for (const fd of fds) checked("fcntl", fcntlCall(fd, F_SETFD, FD_CLOEXEC) as number, `F_SETFD ${fd}`);
}

/** Position n becomes descriptor n, open across an execve(2). Sources must be numbered above all positions. */
export function placeDescriptors(fds: readonly number[]): void {
  fds.forEach((fd, target) => checked("dup2", dup2Call(fd, target) as number, `${fd} to ${target}`));
}

/**
 * While it is on, process `pid` gets SIGIO, which ends it, when the last writer of the pipe is gone. The setting belongs to the pipe's end
 * and so is shared by everyone who has a copy of it. See fcntl(2), F_SETOWN and O_ASYNC.
 */
export function signalWhenWriterless(reader: number, pid: number, isOn: boolean): void {
  checked("fcntl", fcntlCall(reader, F_SETOWN, pid) as number, `F_SETOWN ${pid}`);
  const flags = checked("fcntl", fcntlCall(reader, F_GETFL, 0) as number, "F_GETFL");
  const wanted = isOn ? flags | O_ASYNC : flags & ~O_ASYNC;
  checked("fcntl", fcntlCall(reader, F_SETFL, wanted) as number, "F_SETFL");
}
