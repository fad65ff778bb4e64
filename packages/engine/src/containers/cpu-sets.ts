import { LongshoreError } from "#kernel";
import type { HostSettings } from "./settings.ts";

/** More than any Linux has. Source: Docker Engine, CVE-2018-20699. */
const MAX_NUMBER = 8192;

/** What may be asked of: `cpus` and `mems` as the kernel lists them, `0-3,7`. */
export interface CpuSets {
  readonly cpus: string;
  readonly mems: string;
}

/** Processors and memory nodes must be there. Throws `invalid` in Docker's words. Source: cpuset(7), list format. */
export function checkCpuSets({ CpusetCpus, CpusetMems }: HostSettings, available: CpuSets): void {
  check(CpusetCpus, available.cpus, "cpus", "CPUs");
  check(CpusetMems, available.mems, "mems", "memory nodes");
}

function check(wanted: string, available: string, kind: string, what: string): void {
  if (wanted === "") return;
  const numbers = numbersOf(wanted);
  if (typeof numbers === "string")
    throw new LongshoreError("invalid", `Invalid value ${wanted} for cpuset ${kind}: ${numbers}`);
  const there = numbersOf(available);
  if (typeof there !== "string" && ![...numbers].every((number) => there.has(number)))
    throw new LongshoreError(
      "invalid",
      `Requested ${what} are not available - requested ${wanted}, available: ${available}`,
    );
}

/** The numbers of a list, or what is wrong with it. */
function numbersOf(list: string): ReadonlySet<number> | string {
  const numbers = new Set<number>();
  for (const part of list.split(",")) {
    const [, first = "", last = first] = /^(\d{1,19})(?:-(\d{1,19}))?$/.exec(part) ?? [];
    if (first === "" || Number(last) < Number(first)) return `invalid format: ${list}`;
    if (Number(last) > MAX_NUMBER) return `value of out range, maximum is ${MAX_NUMBER}`;
    for (let number = Number(first); number <= Number(last); number++) numbers.add(number);
  }
  return numbers;
}
