import type { TrashEntry, TrashReport } from "@longshore/protocol";
import { formatAge } from "@longshore/ui";

const DAY_SECONDS = 86_400;

/** How long the trash keeps: "7 days", "12 h". */
export function keepsFor({ maxAgeSeconds }: Pick<TrashReport, "maxAgeSeconds">): string {
  const days = maxAgeSeconds / DAY_SECONDS;
  if (days === 1) return "one day";
  return Number.isInteger(days) && days > 0 ? `${days} days` : formatAge(0, maxAgeSeconds * 1000);
}

/** "3 entries: 1 container, 2 volumes". */
export function countWords(entries: readonly Pick<TrashEntry, "kind">[]): string {
  const counts = (["container", "image", "volume"] as const)
    .map((kind) => counted(entries.filter((entry) => entry.kind === kind).length, kind))
    .filter((words) => !words.startsWith("0 "));
  return counts.join(", ");
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;

/** What comes back with an entry, in words; empty when nothing does. */
export function bringsWords(brings: TrashEntry["brings"]): string {
  return brings.map(({ kind, name }) => `${kind} ${name}`).join(", ");
}

/** A name near `name` that is not taken; of an image the tag changes. */
export function freeName(kind: TrashEntry["kind"], name: string, isTaken: (name: string) => boolean): string {
  const [base = name] = kind === "image" ? name.split("@") : [name];
  const hasTag = kind !== "image" || base.lastIndexOf(":") > base.lastIndexOf("/");
  for (let attempt = 1; ; attempt++) {
    const word = attempt === 1 ? "restored" : `restored-${attempt}`;
    const free = `${base}${hasTag ? "-" : ":"}${word}`;
    if (!isTaken(free)) return free;
  }
}
