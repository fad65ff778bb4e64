import { readdirSync, readFileSync } from "node:fs";
import { reapProcess } from "#host";

/** Pids that somebody waits for: their status is not ours to take. */
const awaited = new Set<number>();
let launches = 0;
let isSweepDue = false;

export function awaitPid(pid: number): void {
  awaited.add(pid);
}

export function pidEnded(pid: number): void {
  awaited.delete(pid);
}

/**
 * Reaps children that nobody waits for: helpers which an OCI runtime left behind when it ended come to us as the subreaper.
 * Unreaped, one that had joined a container keeps its pid namespace, and so its first process, from ever ending.
 * While a launch is under way nothing is swept: the new process is ours too, but not yet known by its pid.
 */
export function sweepOrphans(): void {
  if (launches > 0) {
    isSweepDue = true;
    return;
  }
  isSweepDue = false;
  for (const pid of childPids()) if (!awaited.has(pid)) reapProcess(pid);
}

/** Holds sweeps back until disposed. */
export function launching(): Disposable {
  launches++;
  let isOver = false;
  return {
    [Symbol.dispose]: () => {
      if (isOver) return;
      isOver = true;
      launches--;
      if (launches === 0 && isSweepDue) setImmediate(sweepOrphans);
    },
  };
}

/** Source: proc(5), /proc/PID/task/TID/children. */
function childPids(): readonly number[] {
  return readdirSync("/proc/self/task").flatMap((thread) => {
    try {
      return readFileSync(`/proc/self/task/${thread}/children`, "latin1")
        .split(" ")
        .filter((word) => word.trim() !== "")
        .map(Number);
    } catch {
      return [];
    }
  });
}
