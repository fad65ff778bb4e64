import { closeSync, constants, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { errno } from "#kernel";
import { checked, libc } from "./libc.ts";

/** Network namespaces, pinned by a bind mount. For the network worker only: what it does to its thread, no other thread may see. */

const unshare = libc.func("int unshare(int flags)");
const setns = libc.func("int setns(int fd, int kind)");
const mount = libc.func(
  "int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)",
);
const umount2 = libc.func("int umount2(const char *target, int flags)");

const CLONE_NEWNET = 0x40000000;
const MS_BIND = 4096;
const MNT_DETACH = 2;
// /proc/self names the main thread's namespace, whichever thread asks.
const OWN = "/proc/thread-self/ns/net";

const openNamespace = (name: string): number => openSync(name, constants.O_RDONLY);

/** The way back: keep one from before the first switch. */
export class HomeNamespace implements Disposable {
  readonly #fd: number = openNamespace(OWN);

  /** Runs `work` inside a new namespace pinned at `file`; the thread is home again afterwards. A failure leaves no pin. */
  inNew<T>(file: string, work: () => T): T {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o711 });
    unpin(file);
    writeFileSync(file, "", { mode: 0o444, flag: "wx" });
    try {
      checked("unshare", unshare(CLONE_NEWNET), "new network namespace");
      try {
        checked("mount", mount(OWN, file, "none", MS_BIND, ""), `pin ${file}`);
        return work();
      } finally {
        this.#return();
      }
    } catch (error) {
      unpin(file);
      throw error;
    }
  }

  /** Runs `work` inside the namespace pinned at `file`. */
  inside<T>(file: string, work: () => T): T {
    const fd = openNamespace(file);
    try {
      checked("setns", setns(fd, CLONE_NEWNET), file);
      try {
        return work();
      } finally {
        this.#return();
      }
    } finally {
      closeSync(fd);
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  #return(): void {
    checked("setns", setns(this.#fd, CLONE_NEWNET), "home");
  }
}

/** Removes a pin; absent is success. The namespace itself ends with its last process and socket. */
export function unpin(file: string): void {
  // Twice: a pin may lie on an older pin.
  for (let tries = 0; tries < 4 && umount2(file, MNT_DETACH) === 0; tries++);
  try {
    rmSync(file, { force: true });
  } catch (error) {
    if (errno(error) !== "ENOTDIR") throw error;
  }
}
