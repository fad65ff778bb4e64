import { errno, LongshoreError } from "#kernel";

/** A full disk is no bug: an error that says so, in the words that clients match on. Anything else comes back as it is. */
export function explainDisk(error: unknown, what: string): unknown {
  const code = errno(error);
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  const why = code === "ENOSPC" ? "no space left on device" : "disk quota exceeded";
  return new LongshoreError("internal", `${what}: ${why}`, { cause: error });
}
