import { errno, LongshoreError } from "#kernel";

/** The device or its owner's share of it has no room. */
export function isDiskFull(error: unknown): boolean {
  const code = errno(error);
  return code === "ENOSPC" || code === "EDQUOT";
}

/** A full disk is no bug: an error that says so, in the words that clients match on. Anything else comes back as it is. */
export function explainDisk(error: unknown, what: string): unknown {
  if (!isDiskFull(error)) return error;
  const why = errno(error) === "ENOSPC" ? "no space left on device" : "disk quota exceeded";
  return new LongshoreError("internal", `${what}: ${why}`, { cause: error });
}
