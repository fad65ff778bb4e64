import type { Container } from "#containers";
import type { Image } from "#images";
import type { Volume } from "#volumes";
import { errno, isKind } from "#kernel";
import type { Digest } from "#spec";
import type { DiskRef, LastUse, ReclaimCost, ReclaimItem, ReclaimLayer } from "../contract.ts";
import type { SystemDeps } from "../index.ts";
import { chainUnits } from "./chain-units.ts";
import { costOfImage } from "./cost.ts";
import { newest, useOfContainer, usesInEvents } from "./last-use.ts";
import { type Holder, keyOf, Ledger, type Unit } from "./ledger.ts";
import { trashHolders } from "./trashed.ts";

export interface Survey {
  readonly ledger: Ledger;
  readonly items: readonly ReclaimItem[];
  readonly layers: readonly ReclaimLayer[];
}

interface Described {
  readonly holder: Holder;
  readonly lastUse: LastUse | undefined;
  readonly cost: ReclaimCost;
}

/** Measures everything on the disk once and says who holds it. What vanishes meanwhile is left out. */
export async function surveyDisk(deps: SystemDeps, signal: AbortSignal): Promise<Survey> {
  const { layers } = deps;
  const units = [...(await layerUnits(layers, signal))];
  const now = deps.clock.now();
  const recent = await usesInEvents(deps.events, now, signal);
  const containers = deps.containers.list();
  const images = deps.images.list();
  const described: Described[] = [];
  for (const image of images) described.push(describeImage(deps, image, images, containers, recent, now));
  for (const container of containers) {
    const disk = await unlessGone(() => deps.containers.disk(container.id, signal));
    if (disk === undefined) continue;
    units.push({ key: `container ${container.id}`, diskBytes: disk.diskBytes });
    described.push(describeContainer(deps, container, disk, now));
  }
  for (const volume of deps.volumes.list()) {
    const diskBytes = await unlessGone(() => deps.volumes.diskBytes(volume.name, signal));
    if (diskBytes === undefined) continue;
    units.push({ key: `volume ${volume.name}`, diskBytes });
    described.push(describeVolume(volume, containers, recent, now));
  }
  const trash = trashHolders(deps);
  const ledger = new Ledger(
    [...units, ...trash.units],
    [...described.map(({ holder }) => holder), ...trash.holders],
  );
  return {
    ledger,
    items: described.map(({ holder, lastUse, cost }) => ({
      ...holder.ref,
      ...ledger.shares(keyOf(holder.ref)),
      ...(lastUse !== undefined && { lastUse }),
      cost,
    })),
    layers: Array.from(layers.list(), ({ chainId, blob }) => ({
      chainId,
      diskBytes: ledger.bytesOf(`layer ${chainId}`),
      archiveBytes: blob === undefined ? 0 : ledger.bytesOf(`blob ${blob.digest}`),
      neededBy: ledger.holdersOf(`layer ${chainId}`).map(({ ref }) => ref),
    })),
  };
}

/** The same for what is in the trash alone: nothing that is there is measured, so its bytes are none. */
export async function surveyTrash(deps: SystemDeps, signal: AbortSignal): Promise<Ledger> {
  const { layers, containers } = deps;
  const images = deps.images.list();
  const units = await layerUnits(layers, signal);
  const trash = trashHolders(deps);
  const present = containers.list().map((container) => {
    const disk = { writableBytes: 0, top: containers.topOf(container.id) };
    return describeContainer(deps, container, disk, deps.clock.now()).holder;
  });
  return new Ledger(
    [...units, ...trash.units],
    [
      ...images.map((image) => describeImage(deps, image, images, [], new Map(), deps.clock.now()).holder),
      ...present,
      ...trash.holders,
    ],
  );
}

function describeImage(
  deps: SystemDeps,
  image: Image,
  images: readonly Image[],
  containers: readonly Container[],
  recent: ReadonlyMap<string, LastUse>,
  now: Date,
): Described {
  const names = [...image.repoTags, ...image.repoDigests];
  const parent = images.find(({ id }) => id === image.parent);
  return {
    holder: {
      ref: { kind: "image", id: image.id, name: image.repoTags[0] ?? image.repoDigests[0] ?? image.id },
      units: [
        ...chainUnits(deps.layers, image.top),
        `blob ${image.id}`,
        ...(image.manifest === undefined ? [] : [`blob ${image.manifest}`]),
      ],
      requires: parent === undefined ? [] : [keyOf({ kind: "image", id: parent.id })],
    },
    lastUse: newest([
      ...containers
        .filter(({ imageId }) => imageId === image.id)
        .map((container) => useOfContainer(container, now)),
      ...[image.id, ...names].map((name) => recent.get(`image ${name}`)),
      image.lastTaggedAt === undefined ? undefined : { at: image.lastTaggedAt, from: "tagged" },
    ]),
    cost: costOfImage(image, images, deps.layers),
  };
}

function describeContainer(
  deps: SystemDeps,
  container: Container,
  disk: { readonly writableBytes: number; readonly top?: Digest | undefined },
  now: Date,
): Described {
  const { id, name, imageId, mounts, state } = container;
  return {
    holder: {
      ref: { kind: "container", id, name },
      units: [`container ${id}`, ...chainUnits(deps.layers, disk.top)],
      requires: [
        keyOf({ kind: "image", id: imageId }),
        ...mounts.flatMap((point) => (point.name === undefined ? [] : [`volume ${point.name}`])),
      ],
      ...(state.pid !== 0 && { refusal: "it runs" }),
    },
    lastUse: useOfContainer(container, now),
    cost: disk.writableBytes === 0 ? { kind: "recreate" } : { kind: "lost" },
  };
}

function describeVolume(
  volume: Volume,
  containers: readonly Container[],
  recent: ReadonlyMap<string, LastUse>,
  now: Date,
): Described {
  const users = containers.filter(({ mounts }) => mounts.some((point) => point.name === volume.name));
  return {
    holder: {
      ref: { kind: "volume", id: volume.name, name: volume.name },
      units: [`volume ${volume.name}`],
      requires: [],
    },
    lastUse: newest([
      ...users.map((container) => useOfContainer(container, now)),
      recent.get(`volume ${volume.name}`),
      { at: volume.createdAt, from: "created" },
    ]),
    cost: { kind: Object.keys(volume.options).length > 0 ? "elsewhere" : "lost" },
  };
}

/** Every layer's tree, and every blob. */
async function layerUnits(layers: SystemDeps["layers"], signal: AbortSignal): Promise<readonly Unit[]> {
  const units: Unit[] = [];
  for (const { chainId } of layers.list()) {
    const diskBytes = await unlessGone(() => layers.layerDiskBytes(chainId, signal));
    if (diskBytes !== undefined) units.push({ key: `layer ${chainId}`, diskBytes });
  }
  for await (const { digest, sizeBytes } of layers.blobs.list())
    units.push({ key: `blob ${digest}`, diskBytes: wholeBlocks(sizeBytes) });
  return units;
}

/** A refusal's own object, for texts. */
export const shownRef = ({ kind, name }: DiskRef): string => `${kind} ${name}`;

const PAGE_BYTES = 4096;
const wholeBlocks = (bytes: number): number => Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;

async function unlessGone<T>(measure: () => Promise<T>): Promise<T | undefined> {
  try {
    return await measure();
  } catch (error) {
    if (isKind(error, "not_found") || errno(error) === "ENOENT") return undefined;
    throw error;
  }
}
