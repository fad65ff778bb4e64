import { closeSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openPidfd, processStartTicks, signalProcess, takeDescriptor } from "#host";

/** Positions of a holder's descriptors: the two ends of its store, and the switch that ends it. */
const HOLDER_FDS = { ends: [3, 4], switchReader: 5 } as const;
const SIGKILL = 9;

export interface Holder {
  readonly pid: number;
  /** Copies, ours to close. */
  readonly ends: readonly [number, number];
  readonly switchReader: number;
}

/** Notes this process, which is about to become a holder: `monitor/holders/PID` with its start time. */
export function noteHolder(directory: string): void {
  const folder = path.join(directory, "holders");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = path.join(folder, String(process.pid));
  // Renamed into place: the monitor looks for it all the time, and half a note would be taken for that of a dead process.
  writeFileSync(`${file}.new`, processStartTicks(process.pid) ?? "");
  renameSync(`${file}.new`, file);
}

/** Joins our parent once it has become a holder. Throws when it dies instead. */
export async function ownHolder(directory: string): Promise<Holder> {
  const parent = process.ppid;
  for (;;) {
    const own = joinHolder(directory, parent);
    if (own !== undefined) return own;
    if (process.ppid !== parent || parent === 1) throw new Error(`the holder ${parent} of the monitor died`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The holders of monitors before us. */
export function otherHolders(directory: string, own: number): readonly Holder[] {
  return holderPids(directory).flatMap((pid) => (pid === own ? [] : (joinHolder(directory, pid) ?? [])));
}

function joinHolder(directory: string, pid: number): Holder | undefined {
  if (!holderPids(directory).includes(pid) || commandOf(pid) !== "sleep") return undefined; // not one yet
  const pidfd = openPidfd(pid);
  try {
    const take = (fd: number): number => takeDescriptor(pidfd, fd);
    const [first, second] = HOLDER_FDS.ends;
    return { pid, ends: [take(first), take(second)], switchReader: take(HOLDER_FDS.switchReader) };
  } catch {
    return undefined; // it died at this moment
  } finally {
    closeSync(pidfd);
  }
}

/** Ends all holders but `own`: their children, whose exit codes have been read by now, go to the system's own reaper. */
export function endHolders(directory: string, own?: number): void {
  for (const pid of holderPids(directory)) {
    if (pid === own) continue;
    try {
      const pidfd = openPidfd(pid);
      signalProcess(pidfd, SIGKILL);
      closeSync(pidfd);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
    rmSync(path.join(directory, "holders", String(pid)), { force: true });
  }
}

/** Pids of noted holders that live; notes of dead ones are dropped. */
export function holderPids(directory: string): readonly number[] {
  const folder = path.join(directory, "holders");
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return [];
  }
  return names.map(Number).filter((pid) => {
    if (Number.isNaN(pid)) return false;
    const file = path.join(folder, String(pid));
    if (processStartTicks(pid) === readFileSync(file, "latin1")) return true;
    rmSync(file, { force: true });
    return false;
  });
}

function commandOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "latin1").trim();
  } catch {
    return undefined;
  }
}
