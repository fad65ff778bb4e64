import { LongshoreError } from "#kernel";
import { type Digest, familiarName, parseReference, withDefaultTag } from "#spec";
import type { ImagesContext } from "./context.ts";
import type { ImageUse, RemovedLine } from "./contract.ts";
import { nameKey } from "./image-book.ts";
import { Removal } from "./removal.ts";

const short = (id: string): string => id.replace("sha256:", "").slice(0, 12);

interface RemoveOptions {
  readonly isForced: boolean;
  readonly isPruningParents: boolean;
  /** Into the trash. */
  readonly isDiscarding: boolean;
}

/**
 * Docker's rules. A name is untagged; the last name takes the image along if nobody uses it. An id takes its only name along, or every name by
 * force. A conflict after the untagging is told only when the image would be left without a name and nobody used it.
 */
export async function removeImage(
  context: ImagesContext,
  name: string,
  options: RemoveOptions,
): Promise<{ readonly lines: readonly RemovedLine[]; readonly key?: string }> {
  const { id } = context.book.get(name);
  return await removing(context, id, options, (removal) => removeByRules(context, name, options, removal));
}

/**
 * Drops every name, and without a conflict the record and the layers that nothing else stands on; then, quietly, parents without a name.
 * What children stand on stays without a name, as by Docker's prune.
 */
export async function pruneImage(
  context: ImagesContext,
  id: Digest,
  options: RemoveOptions,
): Promise<{ readonly lines: readonly RemovedLine[]; readonly key?: string }> {
  return await removing(context, id, options, (removal) => {
    for (const key of context.book.namesOf(id)) removal.untag(key, id);
    dropImage(context, id, { ...options, isQuiet: true }, removal);
  });
}

async function removing(
  context: ImagesContext,
  id: Digest,
  options: RemoveOptions,
  decide: (removal: Removal) => void,
): Promise<{ readonly lines: readonly RemovedLine[]; readonly key?: string }> {
  const removal = new Removal(context, id);
  try {
    decide(removal);
  } catch (error) {
    await removal.finish(options.isDiscarding);
    throw error;
  }
  return await removal.finish(options.isDiscarding);
}

function removeByRules(context: ImagesContext, name: string, options: RemoveOptions, removal: Removal): void {
  const image = context.book.get(name);
  const keys = context.book.namesOf(image.id);
  const key = matchingKey(keys, name);
  if (key !== undefined) {
    const [user] = usersOf(context, image.id);
    if (!options.isForced && isSingle(keys) && user !== undefined)
      throw new LongshoreError(
        "conflict",
        `conflict: unable to remove repository reference ${JSON.stringify(name)} (must force) - container ${short(user.containerId)} is using its referenced image ${short(image.id)}`,
      );
    removal.untag(key, image.id);
    // A digest name has no meaning without a tag of its repository.
    const left = context.book.namesOf(image.id).filter((other) => sameRepository(other, key));
    if (!isDigestName(key) && left.every(isDigestName))
      for (const digest of left) removal.untag(digest, image.id);
    if (context.book.namesOf(image.id).length > 0) return;
  } else if (isSingle(keys)) {
    const conflict = conflictOf(context, image.id, { isForced: options.isForced, mayBeNamed: true });
    if (conflict !== undefined) throw conflict;
    for (const only of keys) removal.untag(only, image.id);
  }
  dropImage(context, image.id, { ...options, isQuiet: key !== undefined }, removal);
}

/** At most one tag, and nothing but digests of the same repository beside it. */
function isSingle(keys: readonly string[]): boolean {
  const tags = keys.filter((key) => !isDigestName(key));
  return tags.length <= 1 && new Set(keys.map(repositoryOf)).size <= 1;
}

function usersOf(context: ImagesContext, id: Digest): readonly ImageUse[] {
  return context.uses().filter((use) => use.imageId === id);
}

/** What keeps the image from being deleted, in Docker's order: children and running containers can't be forced, the rest can. */
function conflictOf(
  context: ImagesContext,
  id: Digest,
  options: { isForced: boolean; mayBeNamed?: boolean },
): LongshoreError | undefined {
  const because = (force: "cannot be" | "must be", why: string): LongshoreError =>
    new LongshoreError("conflict", `conflict: unable to delete ${short(id)} (${force} forced) - ${why}`);
  const users = usersOf(context, id);
  const running = users.find(({ isRunning }) => isRunning);
  if (hasChildren(context, id)) return because("cannot be", "image has dependent child images");
  if (running !== undefined)
    return because("cannot be", `image is being used by running container ${short(running.containerId)}`);
  if (options.isForced) return undefined;
  if (options.mayBeNamed !== true && context.book.namesOf(id).length > 0)
    return because("must be", "image is referenced in multiple repositories");
  const [stopped] = users;
  return stopped === undefined
    ? undefined
    : because("must be", `image is being used by stopped container ${short(stopped.containerId)}`);
}

function hasChildren(context: ImagesContext, id: Digest): boolean {
  return [...context.book.records()].some(({ parent }) => parent === id);
}

function dropImage(
  context: ImagesContext,
  id: Digest,
  options: { readonly isForced: boolean; readonly isPruningParents: boolean; readonly isQuiet: boolean },
  removal: Removal,
): void {
  const record = context.book.record(id);
  if (record === undefined) return;
  const conflict = conflictOf(context, id, options);
  if (conflict !== undefined) {
    const isDangling = context.book.namesOf(id).length === 0 && !hasChildren(context, id);
    if (options.isQuiet && (!isDangling || usersOf(context, id).length > 0)) return;
    throw conflict;
  }
  for (const key of context.book.namesOf(id)) removal.untag(key, id);
  removal.drop(record);
  const { parent } = record;
  if (options.isPruningParents && parent !== undefined)
    dropImage(context, parent, { isForced: false, isPruningParents: true, isQuiet: true }, removal);
}

const isDigestName = (key: string): boolean => key.includes("@");

function matchingKey(keys: readonly string[], name: string): string | undefined {
  const key = keyOf(name);
  return keys.find((candidate) => candidate === key);
}

function keyOf(name: string): string {
  try {
    const reference = withDefaultTag(parseReference(name));
    return nameKey(reference);
  } catch {
    return name;
  }
}

const repositoryOf = (key: string): string => familiarName(parseReference(key));
const sameRepository = (a: string, b: string): boolean => repositoryOf(a) === repositoryOf(b);
