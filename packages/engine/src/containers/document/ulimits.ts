import type { RawNumber } from "#spec";
import type { Ulimit } from "../settings.ts";

/** Largest rlim_t: the kernel's "unlimited". A JavaScript number cannot carry it, so it travels as raw JSON. Source: getrlimit(2). */
const UNLIMITED: RawNumber = (JSON as unknown as { rawJSON(text: string): RawNumber }).rawJSON(
  "18446744073709551615",
);

export interface GrantedUlimits {
  readonly ulimits: readonly Ulimit[];
  /** One sentence for each limit that was cut. */
  readonly warnings: readonly string[];
}

/** Cuts limits to what the engine may give: without CAP_SYS_RESOURCE nothing above its own hard limits. -1 is unlimited. */
export function grantUlimits(
  wanted: readonly Ulimit[],
  held: ReadonlySet<string>,
  hardLimits: ReadonlyMap<string, number>,
): GrantedUlimits {
  if (held.has("CAP_SYS_RESOURCE")) return { ulimits: wanted, warnings: [] };
  const warnings: string[] = [];
  const ulimits = wanted.map((limit) => {
    const most = hardLimits.get(limit.Name);
    if (most === undefined || (!isAbove(limit.Soft, most) && !isAbove(limit.Hard, most))) return limit;
    warnings.push(
      `ulimit ${limit.Name}=${limit.Soft}:${limit.Hard} is above the engine's own hard limit, ${most} is used: the engine lacks CAP_SYS_RESOURCE`,
    );
    return {
      ...limit,
      Soft: isAbove(limit.Soft, most) ? most : limit.Soft,
      Hard: isAbove(limit.Hard, most) ? most : limit.Hard,
    };
  });
  return { ulimits, warnings };
}

const isAbove = (value: number, most: number): boolean => value < 0 || value > most;

/** As the OCI document words it. */
export function rlimitOf({ Name, Soft, Hard }: Ulimit): {
  type: string;
  soft: number | RawNumber;
  hard: number | RawNumber;
} {
  const value = (limit: number): number | RawNumber => (limit < 0 ? UNLIMITED : limit);
  return { type: `RLIMIT_${Name.toUpperCase()}`, soft: value(Soft), hard: value(Hard) };
}
