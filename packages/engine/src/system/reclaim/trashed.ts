import type { TrashedContainer } from "#containers";
import type { SystemDeps } from "../index.ts";
import { chainUnits } from "./chain-units.ts";
import type { Holder, Unit } from "./ledger.ts";

/** What the entries of the trash hold: what is their own, what was removed since and is kept for them, and what is still there and would be. */
export function trashHolders(deps: Pick<SystemDeps, "containers" | "images" | "volumes" | "layers">): {
  readonly units: readonly Unit[];
  readonly holders: readonly Holder[];
} {
  const { containers, images, volumes } = deps;
  const holder = (id: string, name: string, units: readonly string[]): Holder => ({
    ref: { kind: "trash", id, name },
    units: [...new Set(units)],
    requires: [],
  });
  return {
    units: [
      ...containers.trashed().map(({ container, diskBytes }) => ({
        key: `container ${container.id}`,
        diskBytes,
      })),
      ...volumes.trashed().map(({ key, diskBytes }) => ({ key: `trashed volume ${key}`, diskBytes })),
    ],
    holders: [
      ...containers
        .trashed()
        .map((entry) => holder(entry.container.id, entry.container.name, containerUnits(deps, entry))),
      ...images
        .trashed()
        .filter(({ isKept }) => !isKept)
        .map(({ key, id, names, tops, blobs }) =>
          holder(key, names[0] ?? id, [
            ...tops.flatMap((top) => chainUnits(deps.layers, top)),
            ...blobs.map((digest) => `blob ${digest}`),
          ]),
        ),
      ...volumes
        .trashed()
        .filter(({ isKept }) => !isKept)
        .map(({ key, volume }) => holder(key, volume.name, [`trashed volume ${key}`])),
    ],
  };
}

function containerUnits(
  { images, volumes, layers }: Pick<SystemDeps, "images" | "volumes" | "layers">,
  { container, top }: TrashedContainer,
): readonly string[] {
  const { id, imageId, mounts } = container;
  const kept = volumes.keptFor(id);
  const image = images.list().find((candidate) => candidate.id === imageId);
  const blobs = [
    ...(image === undefined ? [] : [image.id, ...(image.manifest === undefined ? [] : [image.manifest])]),
    ...images.trashed().flatMap((entry) => (entry.images.includes(imageId) ? entry.blobs : [])),
  ];
  return [
    `container ${id}`,
    ...chainUnits(layers, top),
    ...blobs.map((digest) => `blob ${digest}`),
    ...kept.map(({ key }) => `trashed volume ${key}`),
    ...mounts.flatMap(({ name }) =>
      name === undefined || kept.some(({ volume }) => volume.name === name) ? [] : [`volume ${name}`],
    ),
  ];
}
