import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { CGROUP_ROOT } from "./cgroups.ts";

/**
 * Makes the next moves of processes into cgroups quick, without moving any.
 *
 * Since Linux 6.0 a write to cgroup.procs first waits for an RCU grace period, 6 to 20 ms on an idle machine, unless another
 * such write happened within the last 30 ms or so (`favordynmods` of cgroups(7)'s mounts trades that for slower forks). An OCI
 * runtime makes such writes at every start and exec. `warm()` makes one that changes nothing - this process, into the cgroup
 * where it is - so that the wait passes while the rest of a start is prepared. ADR 0011.
 */
export class CgroupMoves {
  readonly #procs: string | undefined;
  #pending: Promise<void> | undefined;

  /** `procs`: a cgroup.procs file that lists this process. */
  constructor(procs: string | undefined = ownProcs()) {
    this.#procs = procs;
  }

  /** Returns at once; the kernel's wait is a pool thread's. A kernel that refuses is no error: only time is lost. */
  warm(): void {
    if (this.#procs === undefined || this.#pending !== undefined) return;
    this.#pending = writeFile(this.#procs, String(process.pid))
      .catch(() => {})
      .finally(() => {
        this.#pending = undefined;
      });
  }

  /** When the write under way, if any, is over. */
  async settled(): Promise<void> {
    await this.#pending;
  }
}

/** The first hierarchy of /proc/self/cgroup that lies where it is mounted by convention. */
function ownProcs(): string | undefined {
  return procsOf(readFileSync("/proc/self/cgroup", "utf8"));
}

/** `text` as cgroups(7) words /proc/PID/cgroup: `ID:CONTROLLERS:PATH` a line, v2 with ID 0 and no controllers. */
export function procsOf(text: string): string | undefined {
  const lines = text.trim().split("\n");
  const pick =
    lines.find((line) => line.split(":")[1]?.split(",").includes("pids")) ??
    lines.find((line) => line.startsWith("0::"));
  const [, controllers = "", ...place] = pick?.split(":") ?? [];
  return pick === undefined
    ? undefined
    : path.join(CGROUP_ROOT, controllers, place.join(":"), "cgroup.procs");
}
