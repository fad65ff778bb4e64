import { LongshoreError } from "#kernel";
import { type TarEntry, TarReader } from "./tar-reader.ts";

/** One member while it is read: its bytes must be read or skipped before the next member comes. */
export interface TarMember {
  readonly entry: TarEntry;
  readonly content: AsyncIterable<Buffer>;
}

type Step =
  | { readonly kind: "entry"; readonly entry: TarEntry }
  | { readonly kind: "data"; readonly chunk: Buffer }
  | { readonly kind: "end" };

/**
 * Pull form of TarReader, for archives read member by member in the main thread. Throws `invalid` as it does.
 * Pieces of content alias the source's chunks, which must not be used again.
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<TarMember> {
  const steps = stepsOf(source);
  try {
    for (let next = await steps.next(); next.done !== true; next = await steps.next()) {
      if (next.value.kind !== "entry") continue;
      yield { entry: next.value.entry, content: contentOf(steps) };
    }
  } finally {
    await steps.return(undefined);
  }
}

/** Pieces until the member's end. An unread rest is skipped by the caller's loop: only "entry" steps matter there. */
async function* contentOf(steps: AsyncGenerator<Step, void>): AsyncGenerator<Buffer> {
  for (let next = await steps.next(); next.done !== true; next = await steps.next()) {
    if (next.value.kind === "end") return;
    if (next.value.kind === "data") yield next.value.chunk;
    if (next.value.kind === "entry")
      throw new LongshoreError("internal", "tar member was read after the next one began");
  }
}

async function* stepsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Step, void> {
  const queue: Step[] = [];
  const reader = new TarReader({
    entry: (entry) => queue.push({ kind: "entry", entry }),
    data: (chunk) => queue.push({ kind: "data", chunk }),
    end: () => queue.push({ kind: "end" }),
  });
  for await (const chunk of source) {
    reader.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    yield* queue.splice(0);
  }
  reader.finish();
  yield* queue.splice(0);
}
