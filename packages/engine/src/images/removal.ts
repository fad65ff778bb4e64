import { randomId } from "#kernel";
import { type Digest, familiar, parseReference } from "#spec";
import type { ImagesContext } from "./context.ts";
import type { RemovedLine } from "./contract.ts";
import { blobsOf, chainOf, type ImageRecord, type TrashRow } from "./image-book.ts";

/**
 * One removal: its names and records go in one turn, so in one transaction, and with it the row of the trash that can give them back.
 * Layers and blobs follow when that is durable, those that nothing needs.
 */
export class Removal {
  readonly #context: ImagesContext;
  readonly #id: Digest;
  readonly #names: { readonly key: string; readonly id: Digest }[] = [];
  readonly #records: ImageRecord[] = [];
  readonly #steps: ({ readonly untagged: string } | ImageRecord)[] = [];
  readonly #events: (() => void)[] = [];
  readonly #writes: Promise<void>[] = [];

  constructor(context: ImagesContext, id: Digest) {
    this.#context = context;
    this.#id = id;
  }

  untag(key: string, id: Digest): void {
    this.#names.push({ key, id });
    this.#writes.push(this.#context.book.unname(key));
    const record = this.#context.book.record(id);
    this.#events.push(() => this.#context.publish(id, "untag", id, { record }));
    this.#steps.push({ untagged: familiar(parseReference(key)) });
  }

  /** A record whose names are gone. */
  drop(record: ImageRecord): void {
    this.#writes.push(this.#context.book.drop(record.id));
    this.#records.push(record);
    this.#events.push(() => this.#context.publish(record.id, "delete", record.id));
    this.#steps.push(record);
  }

  /** To be called in the turn of the first change. */
  async finish(
    isDiscarding: boolean,
  ): Promise<{ readonly lines: readonly RemovedLine[]; readonly key?: string }> {
    const { book } = this.#context;
    const isEmpty = this.#names.length === 0 && this.#records.length === 0;
    const row = isDiscarding && !isEmpty ? this.#row(this.#id, this.#records, false) : undefined;
    const rows = row === undefined ? this.#keptRows() : [row];
    await Promise.all([...this.#writes, ...rows.map((one) => book.putTrashRow(one))]);
    for (const tell of this.#events) tell();
    const lines: RemovedLine[] = [];
    for (const step of this.#steps) {
      if (!("config" in step)) lines.push(step);
      else {
        // A stopped container whose image went by force keeps the layers: its snapshot stands on them.
        const layers = await sweepRecord(this.#context, step);
        lines.push({ deleted: step.id }, ...layers.map((chainId) => ({ deleted: chainId })));
      }
    }
    return { lines, ...(row !== undefined && { key: row.key }) };
  }

  #row(id: Digest, records: readonly ImageRecord[], isKept: boolean): TrashRow {
    return {
      key: randomId().slice(0, 24),
      id,
      names: this.#names.filter((name) => name.id === id).map(({ key }) => key),
      records,
      removedAt: this.#context.clock.now().toISOString(),
      isKept,
    };
  }

  /** What goes for good, and yet is needed: by a container in the trash, or by a name in the trash. */
  #keptRows(): readonly TrashRow[] {
    const expected = this.#context.expected();
    return this.#records.flatMap((record) => {
      const named = this.#context.book
        .trashRows()
        .find((row) => row.id === record.id && !row.records.some(({ id }) => id === record.id));
      if (named !== undefined) return [{ ...named, records: [record, ...named.records] }];
      return expected.has(record.id) ? [this.#row(record.id, [record], true)] : [];
    });
  }
}

/** Layers and blobs of a record that is gone, as far as nothing needs them; answers the layers. */
export async function sweepRecord(context: ImagesContext, record: ImageRecord): Promise<readonly Digest[]> {
  const layers = await context.sweepLayers(chainOf(record.config));
  await context.sweepBlobs(new Set(blobsOf(record)));
  return layers;
}
