import { closeSync } from "node:fs";
import { endedStatus, exitCodeOf, foreignWaitStatus, hasEnded, openPidfd, reapProcess } from "#host";
import { awaitPid, pidEnded } from "./orphans.ts";
import type { Watcher } from "./watcher.ts";

/** What Docker shows when nobody can say how a process ended. */
export const UNKNOWN_EXIT_CODE = 255;

/**
 * Calls `onEnd` with the exit code when the process behind `pidfd` has ended, child of ours or not; at once when it has ended already.
 * A child is reaped only after `onEnd` came back: should we die in it, the next monitor still finds the code. The pidfd stays open.
 */
export function watchEnd(watcher: Watcher, pid: number, pidfd: number, onEnd: (code: number) => void): void {
  awaitPid(pid);
  let isOver = false;
  const look = (): number => {
    if (isOver || !hasEnded(pidfd)) return 0;
    const own = endedStatus(pid);
    if (own === "running") return 0;
    isOver = true;
    const status = own === "foreign" ? foreignWaitStatus(pid, pidfd) : own;
    watcher.unwatch(pidfd);
    if (status === undefined) process.stderr.write(`process ${pid} ended and nobody knows how\n`);
    onEnd(status === undefined ? UNKNOWN_EXIT_CODE : exitCodeOf(status));
    reapProcess(pid);
    pidEnded(pid);
    return 0;
  };
  watcher.watch(pidfd, look);
  look();
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
