import os from "node:os";
import { LongshoreError } from "#kernel";

/** Number of `TERM`, `SIGTERM`, `15`, `RTMIN+3`; throws `invalid` in Docker's words. Source: signal(7). */
export function signalNumber(text: string): number {
  const upper = text.toUpperCase();
  if (/^\d+$/.test(upper)) {
    const value = Number(upper);
    if (value > 0 && value <= 64) return value;
    throw new LongshoreError(
      "invalid",
      value === 0 ? `invalid signal: ${text}` : `the linux daemon does not support signal ${text}`,
    );
  }
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d{1,2}))?$/.exec(name);
  if (realTime !== null) {
    const offset = Number(realTime[3] ?? 0) * (realTime[2] === "-" ? -1 : 1);
    const value = (realTime[1] === "MIN" ? 34 : 64) + offset;
    if (value >= 34 && value <= 64) return value;
  }
  const known = (os.constants.signals as Readonly<Record<string, number>>)[name];
  if (known === undefined) throw new LongshoreError("invalid", `invalid signal: ${text}`);
  return known;
}
