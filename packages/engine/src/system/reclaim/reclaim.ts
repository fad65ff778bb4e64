import { statfs } from "node:fs/promises";
import { LongshoreError } from "#kernel";
import type { DiskRef, DiskSpace, Prediction, Reclaim, Reclaimed } from "../contract.ts";
import type { SystemDeps } from "../index.ts";
import { findEntry, purgeEntry } from "../trash/entries.ts";
import { type Blocked, keyOf } from "./ledger.ts";
import { shownRef, type Survey, surveyDisk } from "./survey.ts";

/** The ledger of what the disk is used for, and the removal of a chosen set by it. */
export function openReclaim(deps: SystemDeps, space: () => Promise<DiskSpace>): Reclaim {
  return {
    report: async (signal) => {
      const { items, layers } = await surveyDisk(deps, signal);
      const partialBytes = await deps.layers.blobs.partialBytes();
      return { items, layers, partialBytes, disk: await space() };
    },
    predict: async (wanted, signal) => predict(await surveyDisk(deps, signal), resolve(deps, wanted)),
    remove: (wanted, signal) => removeSet(deps, space, wanted, signal),
  };
}

function predict({ ledger }: Survey, refs: readonly DiskRef[]): Prediction {
  const keys = new Set(refs.map(keyOf));
  const blocked = ledger.blocked(keys);
  for (const { ref } of blocked) keys.delete(keyOf(ref));
  return { predictedBytes: ledger.gain(keys), blocked };
}

/** Removes what can go, users before what they use, and holds the prediction beside what the file system says. */
async function removeSet(
  deps: SystemDeps,
  space: () => Promise<DiskSpace>,
  wanted: Parameters<Reclaim["remove"]>[0],
  signal: AbortSignal,
): Promise<Reclaimed> {
  const refs = resolve(deps, wanted);
  const { predictedBytes, blocked } = predict(await surveyDisk(deps, signal), refs);
  const refused = new Map(blocked.map((one) => [keyOf(one.ref), one]));
  const { freeBytes: before } = await space();
  const removed: DiskRef[] = [];
  const failed: { ref: DiskRef; message: string }[] = [];
  for (const ref of inOrder(deps, refs)) {
    const refusal = refused.get(keyOf(ref));
    if (refusal !== undefined) {
      failed.push({ ref, message: sentence(refusal) });
      continue;
    }
    try {
      await removeOne(deps, ref, signal);
      removed.push(ref);
    } catch (error) {
      if (!(error instanceof LongshoreError)) throw error;
      failed.push({ ref, message: error.message });
    }
  }
  const disk = await space();
  return { predictedBytes, measuredBytes: disk.freeBytes - before, removed, failed, disk };
}

async function removeOne(deps: SystemDeps, { kind, id }: DiskRef, signal: AbortSignal): Promise<void> {
  if (kind === "container") await deps.containers.remove(id, { isForced: false, hasVolumes: false }, signal);
  else if (kind === "trash") await purgeEntry(deps, findEntry(deps, id));
  else if (kind === "volume") await deps.volumes.remove(id, { isForced: false });
  else await removeImage(deps, id);
}

/** Name by name, without force: the last one takes the image along, unless somebody uses it since it was looked at. */
async function removeImage({ images }: SystemDeps, id: string): Promise<void> {
  for (let image = find(images.list(), id); image !== undefined; image = find(images.list(), id)) {
    const name = image.repoTags[0] ?? image.repoDigests[0] ?? id;
    await images.remove(name, { isForced: false, isPruningParents: false });
    if (name === id) return;
  }
}

const find = <T extends { readonly id: string }>(list: readonly T[], id: string): T | undefined =>
  list.find((candidate) => candidate.id === id);

/** Containers and the trash, then images, children before parents, then volumes. */
function inOrder(deps: SystemDeps, refs: readonly DiskRef[]): readonly DiskRef[] {
  const images = deps.images.list();
  const depth = (id: string): number => {
    let steps = 0;
    for (let next = find(images, id)?.parent; next !== undefined; next = find(images, next)?.parent) steps++;
    return steps;
  };
  const rank = ({ kind, id }: DiskRef): number =>
    kind === "container" || kind === "trash" ? Number.NEGATIVE_INFINITY : kind === "image" ? -depth(id) : 1;
  return refs.toSorted((a, b) => (rank(a) < rank(b) ? -1 : rank(a) > rank(b) ? 1 : 0));
}

/** Names and short ids become ids. Throws `not_found` in Docker's words. */
function resolve(deps: SystemDeps, wanted: Parameters<Reclaim["predict"]>[0]): readonly DiskRef[] {
  const refs = wanted.map(({ kind, id }): DiskRef => {
    if (kind === "container") {
      const container = deps.containers.get(id);
      return { kind, id: container.id, name: container.name };
    }
    if (kind === "trash") {
      const entry = findEntry(deps, id);
      return { kind, id: entry.id, name: entry.name };
    }
    if (kind === "volume") return { kind, id: deps.volumes.get(id).name, name: id };
    const image = deps.images.get(id);
    return { kind, id: image.id, name: image.repoTags[0] ?? image.repoDigests[0] ?? image.id };
  });
  return [...new Map(refs.map((ref) => [keyOf(ref), ref])).values()];
}

function sentence({ ref, why, by }: Blocked): string {
  const users = by.length === 0 ? "" : ` by ${by.map(shownRef).join(", ")}`;
  return `${shownRef(ref)} cannot be removed: ${why}${users}`;
}

/** Source: statfs(2); free is what the engine, as root, may still write. */
export async function diskSpace(dataRoot: string): Promise<DiskSpace> {
  const { bsize, blocks, bfree } = await statfs(dataRoot);
  return { totalBytes: blocks * bsize, freeBytes: bfree * bsize };
}
