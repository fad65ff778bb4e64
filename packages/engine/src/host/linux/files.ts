import { closeSync, openSync } from "node:fs";
import koffi from "koffi";
import { pathOf } from "#kernel";
import { checked, libc } from "./libc.ts";

const CLONE_FS = 0x200;
const AT_FDCWD = -100;
const AT_SYMLINK_NOFOLLOW = 0x100;
const S_IFCHR = 0o020000;
const ERANGE = 34;
/** ENOENT, ENOTDIR, ENODATA, ENOTSUP. */
const ABSENT: ReadonlySet<number> = new Set([2, 20, 61, 95]);
const USUAL_XATTR_BYTES = 4096;
/** Of a value, and of all names together. Source: linux/limits.h. */
const XATTR_BYTES_MAX = 65_536;
/** Source: linux/fs.h; the kernel reads and writes an int, whatever the numbers say. */
const FS_IOC_GETFLAGS = 0x8008_6601;
const FS_IOC_SETFLAGS = 0x4008_6602;
const FS_TOPDIR_FL = 0x2_0000;

const unshareCall = libc.func("int unshare(int)");
const chrootCall = libc.func("int chroot(const char*)");
const mknodCall = libc.func("int mknod(const char*, uint, ulong)");
const setxattrCall = libc.func("int lsetxattr(const char*, const char*, const void*, size_t, int)");
const getxattrCall = libc.func("long lgetxattr(const char*, const char*, void*, size_t)");
const listxattrCall = libc.func("long llistxattr(const char*, void*, size_t)");
const utimensatCall = libc.func("int utimensat(int, const char*, const void*, int)");
const umaskCall = libc.func("uint umask(uint)");
const syncfsCall = libc.func("int syncfs(int)");
const ioctlFlags = libc.func("int ioctl(int, ulong, void*)");

/**
 * Shuts the calling worker thread into `root`: its own fs_struct, then chroot(2). Only *Sync calls of this thread resolve inside;
 * async ones run in libuv's pool, outside. Never call it in the main thread. Source: unshare(2), chroot(2).
 */
export function enterRoot(root: string): void {
  checked("unshare", unshareCall(CLONE_FS) as number, "CLONE_FS");
  checked("chroot", chrootCall(root) as number, JSON.stringify(root));
  umaskCall(0);
}

/** As C takes it: what is no UTF-8 ends in the NUL that koffi gives a text. */
function cPath(path: string): string | Buffer {
  const taken = pathOf(path);
  return typeof taken === "string" ? taken : Buffer.concat([taken, Buffer.alloc(1)]);
}

/** A device node, fifo (type bits in `mode`) or whiteout. Source: mknod(2), makedev(3). */
export function makeNode(path: string, mode: number, major: number, minor: number): void {
  const device =
    (BigInt(major & 0xfff) << 8n) |
    BigInt(minor & 0xff) |
    (BigInt(minor & ~0xff) << 12n) |
    (BigInt(major & ~0xfff) << 32n);
  checked("mknod", mknodCall(cPath(path), mode, device) as number, JSON.stringify(path));
}

/** An overlay whiteout: character device 0:0. Source: Linux overlayfs documentation. */
export function makeWhiteout(path: string): void {
  makeNode(path, S_IFCHR, 0, 0);
}

/** Source: lsetxattr(2). */
export function setXattr(path: string, name: string, value: Buffer): void {
  checked(
    "lsetxattr",
    setxattrCall(cPath(path), name, value, value.length, 0) as number,
    `${JSON.stringify(path)} ${name}`,
  );
}

/** Undefined when absent: no such attribute, no such file, none on this file system. Source: lgetxattr(2). */
export function getXattr(path: string, name: string): Buffer | undefined {
  const what = `${JSON.stringify(path)} ${name}`;
  return roomy("lgetxattr", what, (room) => Number(getxattrCall(cPath(path), name, room, room.length)));
}

/** Names of the extended attributes; empty where there is no file and where the file system has none. Source: llistxattr(2). */
export function listXattrs(path: string): readonly string[] {
  const read = (room: Buffer): number => Number(listxattrCall(cPath(path), room, room.length));
  const names = roomy("llistxattr", JSON.stringify(path), read);
  return (names?.toString() ?? "").split("\0").filter((name) => name !== "");
}

/** What `read` leaves in a buffer of `bytes`, or, where that is too small, of the largest that there can be; undefined for what is not there. */
function roomy(
  call: string,
  what: string,
  read: (room: Buffer) => number,
  bytes = USUAL_XATTR_BYTES,
): Buffer | undefined {
  const room = Buffer.alloc(bytes);
  const size = read(room);
  if (size >= 0) return room.subarray(0, size);
  const number = koffi.errno();
  if (number === ERANGE && bytes < XATTR_BYTES_MAX) return roomy(call, what, read, XATTR_BYTES_MAX);
  return ABSENT.has(number) ? undefined : void checked(call, size, what);
}

/** Sets access and modification time without following links. Source: utimensat(2). */
export function setTimes(path: string, modifiedNano: bigint): void {
  const times = Buffer.alloc(32);
  const seconds =
    modifiedNano / 1_000_000_000n - (modifiedNano < 0n && modifiedNano % 1_000_000_000n !== 0n ? 1n : 0n);
  const nanos = modifiedNano - seconds * 1_000_000_000n;
  for (const at of [0, 16]) {
    times.writeBigInt64LE(seconds, at);
    times.writeBigInt64LE(nanos, at + 8);
  }
  checked(
    "utimensat",
    utimensatCall(AT_FDCWD, cPath(path), times, AT_SYMLINK_NOFOLLOW) as number,
    JSON.stringify(path),
  );
}

/**
 * Tells the file system that what is made in `folder` belongs not together: ext4 gives each new subfolder, with all that comes into it, a
 * block group of its own. False where the file system has no such hint. Source: chattr(1), T.
 */
export function spreadSubfolders(folder: string): boolean {
  const fd = openSync(folder, "r");
  try {
    const flags = Buffer.alloc(8);
    if ((ioctlFlags(fd, FS_IOC_GETFLAGS, flags) as number) < 0) return false;
    flags.writeUInt32LE((flags.readUInt32LE(0) | FS_TOPDIR_FL) >>> 0, 0);
    return (ioctlFlags(fd, FS_IOC_SETFLAGS, flags) as number) === 0;
  } finally {
    closeSync(fd);
  }
}

/** Flushes the file system that `fd` is on, in a thread of its own. Source: syncfs(2). */
export async function syncInBackground(fd: number): Promise<void> {
  const result = await new Promise<number>((resolve, reject) => {
    syncfsCall.async(fd, (error: unknown, value: number) =>
      error === null || error === undefined ? resolve(value) : reject(error as Error),
    );
  });
  if (result !== 0) throw new Error(`syncfs of fd ${fd} failed`);
}

/** Major and minor of a stat's `rdev`, the inverse of what makeNode() packs. Source: makedev(3). */
export function deviceNumbers(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
