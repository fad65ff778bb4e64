import type { DiskSpace } from "../contract.ts";
import { keyOf, type Ledger } from "../reclaim/ledger.ts";
import type { Entry } from "./entries.ts";

/** Of all trash by the ledger: bytes that come back when it is emptied. */
export function usedBytes(ledger: Ledger, entries: readonly Entry[]): number {
  return ledger.gain(new Set(entries.map(trashKeyOf)));
}

export const trashKeyOf = ({ id }: Pick<Entry, "id">): string => keyOf({ kind: "trash", id });

/** Entries whose age is over; `entries` oldest first. */
export function overAge(entries: readonly Entry[], maxAgeMs: number, now: Date): readonly Entry[] {
  return entries.filter(({ removedAt }) => Date.parse(removedAt) + maxAgeMs <= now.getTime());
}

/** The oldest entries whose going brings the rest under the quota; the newest always stays, and so does one whose going frees nothing. */
export function overQuota(ledger: Ledger, entries: readonly Entry[], quotaBytes: number): readonly Entry[] {
  const used = usedBytes(ledger, entries);
  const going: Entry[] = [];
  for (const entry of entries.slice(0, -1)) {
    // What two of them share comes back with the second: the set is asked, not its members.
    if (used - usedBytes(ledger, going) <= quotaBytes) break;
    going.push(entry);
  }
  for (const entry of going.toReversed()) {
    const others = going.filter((other) => other !== entry);
    if (usedBytes(ledger, others) === usedBytes(ledger, going)) going.splice(going.indexOf(entry), 1);
  }
  return going;
}

const LOW_SHARE = 0.05;
const LOW_BYTES = 5 * 1024 ** 3;

/** Under 5 % free, and under 5 GiB. */
export function isLow({ totalBytes, freeBytes }: DiskSpace): boolean {
  return freeBytes < Math.min(totalBytes * LOW_SHARE, LOW_BYTES);
}
