import { type BigIntStats, constants } from "node:fs";
import { lstat, open, readdir } from "node:fs/promises";
import { errno, LongshoreError, nameBytes, nameOf, pathOf } from "#kernel";
import { look, type Seen } from "./merged.ts";

/** Linux' PATH_MAX: what is deeper can't be named in an archive that anybody could unpack. */
const MAX_PATH_BYTES = 4096;

export interface Found {
  /** Below the root, without a leading slash. */
  readonly name: string;
  /** Reaches the entry through the descriptor of its folder. */
  readonly place: string;
  readonly stats: BigIntStats;
  /** The same name in the layers below. */
  readonly below: Seen | undefined;
}

/** A folder of a tree whose entries were found; `entries` must be read before the next sibling. */
export interface Folder {
  /** The folder's own descriptor path. */
  readonly place: string;
  /** What the layers below have there, also where this folder is opaque. */
  readonly lowers: readonly string[];
  readonly entries: AsyncGenerator<Found>;
}

/**
 * The entries of one folder of a tree that a running container may be changing, in name order. Every folder is held by a descriptor and entries
 * are reached through it, links never followed: whatever is swapped on the way, nothing outside of the tree is seen, not even a name.
 */
export async function openFolder(
  place: string,
  name: string,
  lowers: readonly string[],
): Promise<(Folder & AsyncDisposable) | undefined> {
  const nameLength = nameBytes(name).length;
  if (nameLength >= MAX_PATH_BYTES)
    throw new LongshoreError(
      "internal",
      `path of ${nameLength} bytes is too long, want less than ${MAX_PATH_BYTES}: ${JSON.stringify(name.slice(0, 80))}...`,
    );
  const handle = await open(
    pathOf(place),
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
  ).catch(wasReplaced);
  if (handle === undefined) return undefined;
  const held = `/proc/self/fd/${handle.fd}`;
  return {
    place: held,
    lowers,
    entries: entriesOf(held, name, lowers),
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

async function* entriesOf(held: string, name: string, lowers: readonly string[]): AsyncGenerator<Found> {
  const names = (await readdir(held, "buffer")).map(nameOf);
  for (const entry of names.toSorted()) {
    const place = `${held}/${entry}`;
    const stats = await lstat(pathOf(place), { bigint: true }).catch(wasReplaced);
    if (stats === undefined) continue;
    const below = lowers.length === 0 ? undefined : look(lowers, entry);
    yield { name: name === "" ? entry : `${name}/${entry}`, place, stats, below };
  }
}

/** The folder that `found` is; undefined when it was replaced meanwhile. */
export async function into(found: Found): Promise<(Folder & AsyncDisposable) | undefined> {
  return await openFolder(found.place, found.name, found.below?.folders ?? []);
}

/** Everything below `root`, parents first. */
export async function* walk(root: string): AsyncGenerator<Found> {
  await using folder = await openFolder(root, "", []);
  if (folder !== undefined) yield* walkFolder(folder);
}

async function* walkFolder(folder: Folder): AsyncGenerator<Found> {
  for await (const found of folder.entries) {
    yield found;
    if (!found.stats.isDirectory()) continue;
    await using inner = await into(found);
    if (inner !== undefined) yield* walkFolder(inner);
  }
}

/** What was listed a moment ago may be gone or something else now. */
export function wasReplaced(error: unknown): undefined {
  if (!["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(errno(error) ?? "")) throw error;
}
