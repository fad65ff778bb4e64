import { LongshoreError } from "#kernel";
import { type Digest, familiar, familiarName, hexOf, parseReference, withDefaultTag } from "#spec";
import type { ImagesContext } from "./context.ts";
import type { Image, RemovedLine } from "./contract.ts";
import { chainOf, nameKey } from "./image-book.ts";

const short = (id: string): string => id.replace("sha256:", "").slice(0, 12);

/** Docker's rules: a name is untagged; the last name takes the image along; an id with several names needs force. */
export async function removeImage(
  context: ImagesContext,
  name: string,
  options: { isForced: boolean; isPruningParents: boolean },
): Promise<readonly RemovedLine[]> {
  const image = context.book.get(name);
  const keys = context.book.namesOf(image.id);
  const isById =
    /^(sha256:)?[0-9a-f]{2,64}$/.test(name) &&
    hexOf(image.id).startsWith(name.replace("sha256:", "")) &&
    context.book.idOfName(keyOf(name)) !== image.id;
  const lines: RemovedLine[] = [];
  if (!isById) {
    const key = matchingKey(keys, name);
    if (key !== undefined) {
      const others = keys.filter(
        (other) => other !== key && !(other.includes("@") && sameRepository(other, key)),
      );
      if (others.length > 0) {
        await context.book.unname(key);
        // A digest name has no meaning without a tag of its repository.
        if (!keys.some((other) => other !== key && !other.includes("@") && sameRepository(other, key)))
          for (const digest of keys.filter((other) => other.includes("@") && sameRepository(other, key)))
            lines.push(await untag(context, digest, image.id));
        context.publish(image.id, "untag", image.id);
        return [{ untagged: familiar(parseReference(key)) }, ...lines];
      }
      refuseIfUsed(context, image, options.isForced, true);
    }
  } else {
    const repositories = new Set(keys.map(repositoryOf));
    if (repositories.size > 1 && !options.isForced)
      throw new LongshoreError(
        "conflict",
        `conflict: unable to delete ${short(image.id)} (must be forced) - image is referenced in multiple repositories`,
      );
    refuseIfUsed(context, image, options.isForced, false);
  }
  for (const key of keys) lines.push(await untag(context, key, image.id));
  lines.push(...(await deleteImage(context, image.id, options.isPruningParents)));
  return lines;
}

async function untag(context: ImagesContext, key: string, id: Digest): Promise<RemovedLine> {
  await context.book.unname(key);
  context.publish(id, "untag", id);
  return { untagged: familiar(parseReference(key)) };
}

function refuseIfUsed(context: ImagesContext, image: Image, isForced: boolean, isByName: boolean): void {
  for (const use of context.uses()) {
    if (use.imageId !== image.id) continue;
    if (use.isRunning) {
      if (isByName && isForced) continue;
      throw new LongshoreError(
        "conflict",
        `conflict: unable to ${isByName ? `remove repository reference "${image.repoTags[0] ?? short(image.id)}" (must force) - container ${short(use.containerId)} is using its referenced image ${short(image.id)}` : `delete ${short(image.id)} (cannot be forced) - image is being used by running container ${short(use.containerId)}`}`,
      );
    }
    if (!isForced)
      throw new LongshoreError(
        "conflict",
        isByName
          ? `conflict: unable to remove repository reference "${image.repoTags[0] ?? short(image.id)}" (must force) - container ${short(use.containerId)} is using its referenced image ${short(image.id)}`
          : `conflict: unable to delete ${short(image.id)} (must be forced) - image is being used by stopped container ${short(use.containerId)}`,
      );
  }
  const child = [...context.book.records()].find((record) => record.parent === image.id);
  if (child !== undefined && !isByName)
    throw new LongshoreError(
      "conflict",
      `conflict: unable to delete ${short(image.id)} (cannot be forced) - image has dependent child images`,
    );
}

/** Drops the record and every layer that nothing else stands on; used images keep theirs (forced removal of a used image only untags). */
export async function deleteImage(
  context: ImagesContext,
  id: Digest,
  isPruningParents: boolean,
): Promise<readonly RemovedLine[]> {
  const record = context.book.record(id);
  if (record === undefined) return [];
  for (const use of context.uses()) if (use.imageId === id) return [];
  for (const other of context.book.records()) if (other.parent === id) return [];
  await context.book.drop(id);
  context.publish(id, "delete", id);
  const lines: RemovedLine[] = [{ deleted: id }];
  for (const chainId of await context.sweepLayers(chainOf(record.config))) lines.push({ deleted: chainId });
  await context.layers.blobs.remove(id);
  const { parent } = record;
  if (isPruningParents && parent !== undefined && context.book.namesOf(parent).length === 0)
    lines.push(...(await deleteImage(context, parent, true)));
  return lines;
}

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
