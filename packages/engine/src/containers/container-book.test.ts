import { journalStore, type Rows } from "#testing/store";
import { expect, test } from "vitest";
import { ContainerBook } from "./container-book.ts";
import type { Container, TrashedContainer } from "./contract.ts";
import { openOnFakes, plainRequest } from "./testing.ts";

/** Where the next engine finds the container after a crash at each point. */
async function places(
  container: Container,
  work: (book: ContainerBook) => Promise<unknown>,
  trashed?: TrashedContainer,
): Promise<readonly string[]> {
  const found: string[] = [];
  const where = (rows: Rows): string => {
    const book = bookOf(rows);
    return `${book.list().length} there, ${book.trashed().length} in the trash`;
  };
  const rows = new Map<string, Map<string, string>>();
  if (trashed === undefined) rows.set("containers", new Map([[container.id, JSON.stringify(container)]]));
  else rows.set("trashed_containers", new Map([[container.id, JSON.stringify(trashed)]]));
  await work(bookOf(rows, (state) => found.push(where(state))));
  return found;
}

function bookOf(rows: Rows, onCrashPoint?: (rows: Rows) => void): ContainerBook {
  const store = journalStore(rows, onCrashPoint);
  return new ContainerBook(
    store.table<Container>("containers", 1, (row) => row as Container),
    store.table<TrashedContainer>("trashed_containers", 1, (row) => row as TrashedContainer),
  );
}

test("a crash in discard() or restore() leaves the container in one place", async ({ signal }) => {
  await using ground = await openOnFakes();
  const { id } = await ground.room.create(plainRequest(["x"]), signal);
  const container = ground.room.get(id);
  const entry = { container, removedAt: "2026-01-01T00:00:00Z", diskBytes: 0, networks: {} };
  expect(await places(container, (book) => book.discard(entry))).toEqual([
    "1 there, 0 in the trash",
    "0 there, 1 in the trash",
  ]);
  expect(await places(container, (book) => book.restore(container), entry)).toEqual([
    "0 there, 1 in the trash",
    "1 there, 0 in the trash",
  ]);
});
