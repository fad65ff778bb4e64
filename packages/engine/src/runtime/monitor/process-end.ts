import { closeSync } from "node:fs";
import { exitCodeOf, foreignWaitStatus, openPidfd, reapProcess } from "#host";
import { awaitPid, pidEnded } from "./orphans.ts";
import type { Watcher } from "./watcher.ts";

/** What Docker shows when nobody can say how a process ended. */
export const UNKNOWN_EXIT_CODE = 255;

/** Calls `onEnd` with the exit code when the process behind `pidfd` has ended, child of ours or not. The pidfd stays open. */
export function watchEnd(watcher: Watcher, pid: number, pidfd: number, onEnd: (code: number) => void): void {
  awaitPid(pid);
  watcher.watch(pidfd, () => {
    const own = reapProcess(pid);
    if (own === "running") return 0;
    watcher.unwatch(pidfd);
    pidEnded(pid);
    const status = own === "foreign" ? foreignWaitStatus(pid, pidfd) : own;
    onEnd(status === undefined ? UNKNOWN_EXIT_CODE : exitCodeOf(status));
    return 0;
  });
}

/** The exit code of a child that was just started. */
export async function childEnd(watcher: Watcher, pid: number): Promise<number> {
  const pidfd = openPidfd(pid);
  try {
    return await new Promise((resolve) => {
      watchEnd(watcher, pid, pidfd, resolve);
    });
  } finally {
    closeSync(pidfd);
  }
}
