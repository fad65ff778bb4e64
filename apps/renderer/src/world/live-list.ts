import type { ContainerSummary } from "@longshore/protocol";
import type { ListedContainer } from "./store.ts";

/** The whole list, read again: what is as it was stays the same object, so that nothing shown of it is made anew. */
export function relistContainers(
  old: readonly ListedContainer[],
  rows: readonly ContainerSummary[],
  readAt: number,
): readonly ListedContainer[] {
  const known = new Map(old.map((row) => [row.Id, row]));
  const next = rows.map((row) => keepIfSame(known.get(row.Id), row, readAt));
  return next.length === old.length && next.every((row, at) => row === old[at]) ? old : next;
}

/** `rows` is what is left of the containers `asked` for; the rest of the list stays as it is. Newest first, as engines list. */
export function patchContainers(
  old: readonly ListedContainer[],
  asked: readonly string[],
  rows: readonly ContainerSummary[],
  readAt: number,
): readonly ListedContainer[] {
  // Engines match the beginning of an id, so only whole ones count.
  const found = new Map(rows.filter(({ Id }) => asked.includes(Id)).map((row) => [row.Id, row]));
  const next: ListedContainer[] = [];
  for (const row of old) {
    const again = found.get(row.Id);
    found.delete(row.Id);
    if (again !== undefined) next.push(keepIfSame(row, again, readAt));
    else if (!asked.includes(row.Id)) next.push(row);
  }
  // Oldest first: of two made in the same second the engine's order stays.
  for (const row of [...found.values()].toReversed()) {
    const at = next.findIndex((other) => other.Created <= row.Created);
    next.splice(at === -1 ? next.length : at, 0, { ...row, readAt });
  }
  return next.length === old.length && next.every((row, at) => row === old[at]) ? old : next;
}

function keepIfSame(
  old: ListedContainer | undefined,
  row: ContainerSummary,
  readAt: number,
): ListedContainer {
  if (old === undefined) return { ...row, readAt };
  // Both came over the same road, so the same facts are in the same order.
  return JSON.stringify({ ...row, readAt: old.readAt }) === JSON.stringify(old) ? old : { ...row, readAt };
}
