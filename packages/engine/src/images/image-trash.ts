import { LongshoreError } from "#kernel";
import { type Digest, familiar, parseReference, type Reference } from "#spec";
import type { ImagesContext } from "./context.ts";
import type { TrashedImage } from "./contract.ts";
import { blobsOf, chainOf, nameKey, type TrashRow } from "./image-book.ts";
import { sweepRecord } from "./removal.ts";

export function describeTrash({ key, id, names, records, removedAt, isKept }: TrashRow): TrashedImage {
  return {
    key,
    id,
    names: names.toSorted((a, b) => Number(a.includes("@")) - Number(b.includes("@"))).map(shown),
    tops: records.flatMap(({ config }) => chainOf(config).at(-1) ?? []),
    blobs: records.flatMap(blobsOf),
    images: records.map((record) => record.id),
    removedAt,
    isKept,
  };
}

/** Gives records and names back; names that another image has by now are in the way unless told otherwise. */
export async function restoreImage(
  context: ImagesContext,
  key: string,
  options: { readonly name?: Reference; readonly isSkippingTaken?: boolean },
): Promise<{ readonly id: Digest; readonly skipped: readonly string[] }> {
  const { book } = context;
  const row = book.needTrashRow(key);
  if (book.record(row.id) === undefined && !row.records.some(({ id }) => id === row.id))
    throw new LongshoreError(
      "conflict",
      `cannot restore ${row.names.map(shown).join(", ")}: its image is gone`,
    );
  const isTaken = (name: string): boolean => ![undefined, row.id].includes(book.idOfName(name));
  const taken = row.names.filter(isTaken);
  const instead = options.name === undefined ? undefined : nameKey(options.name);
  if (instead !== undefined && isTaken(instead)) throw conflict(context, row, instead);
  const [first] = taken;
  if (first !== undefined && instead === undefined && options.isSkippingTaken !== true)
    throw conflict(context, row, first);
  const names = [
    ...row.names.filter((name) => !taken.includes(name)),
    ...(instead === undefined ? [] : [instead]),
  ];
  await book.takeBack(row, names);
  for (const name of names) context.publish(row.id, "tag", shown(name));
  if (names.length === 0) context.publish(row.id, "load", row.id);
  return { id: row.id, skipped: instead === undefined ? taken.map(shown) : [] };
}

/** Drops the removal for good; one that holds what a container in the trash was made from is kept for that alone. */
export async function purgeImage(context: ImagesContext, key: string): Promise<void> {
  const { book } = context;
  const row = book.trashRows().find((candidate) => candidate.key === key);
  if (row === undefined) return;
  const expected = context.expected();
  if (row.records.some(({ id }) => expected.has(id) && book.record(id) === undefined)) {
    await book.putTrashRow({ ...row, isKept: true });
    return;
  }
  await book.dropTrashRow(key);
  for (const record of row.records) await sweepRecord(context, record);
}

function conflict(context: ImagesContext, row: TrashRow, name: string): LongshoreError {
  return new LongshoreError(
    "conflict",
    `cannot restore image "${row.names.map(shown).join(", ")}": the name "${shown(name)}" was taken meanwhile by ${context.book.idOfName(name)}, want another name`,
  );
}

const shown = (name: string): string => familiar(parseReference(name));
