import type { Containers } from "#containers";
import type { Images } from "#images";
import { LongshoreError } from "#kernel";
import type { Volumes } from "#volumes";
import type { TrashKind } from "../contract.ts";

interface Rooms {
  readonly containers: Pick<Containers, "trashed" | "purge">;
  readonly images: Pick<Images, "trashed" | "purge">;
  readonly volumes: Pick<Volumes, "trashed" | "purge">;
}

/** What was put into the trash, without what is only kept for it. */
export interface Entry {
  readonly kind: TrashKind;
  readonly id: string;
  readonly name: string;
  readonly removedAt: string;
}

/** All entries, oldest first. */
export function entriesOf({ containers, images, volumes }: Rooms): readonly Entry[] {
  const entries: Entry[] = [
    ...containers.trashed().map(({ container: { id, name }, removedAt }) => ({
      kind: "container" as const,
      id,
      name,
      removedAt,
    })),
    ...images
      .trashed()
      .filter(({ isKept }) => !isKept)
      .map(({ key, id, names: [name = id], removedAt }) => ({
        kind: "image" as const,
        id: key,
        name,
        removedAt,
      })),
    ...volumes
      .trashed()
      .filter(({ isKept }) => !isKept)
      .map(({ key, volume, removedAt }) => ({
        kind: "volume" as const,
        id: key,
        name: volume.name,
        removedAt,
      })),
  ];
  return entries.toSorted((a, b) => Date.parse(a.removedAt) - Date.parse(b.removedAt));
}

/** By id or by an unambiguous beginning of it. */
export function findEntry(rooms: Rooms, id: string): Entry {
  const matches = entriesOf(rooms).filter((entry) => id !== "" && entry.id.startsWith(id));
  const exact = matches.find((entry) => entry.id === id);
  if (exact !== undefined) return exact;
  const [only, ...more] = matches;
  if (only === undefined) throw new LongshoreError("not_found", `No such entry in the trash: ${id}`);
  if (more.length > 0)
    throw new LongshoreError("invalid", `multiple entries of the trash found with provided prefix: ${id}`);
  return only;
}

export async function purgeEntry(rooms: Rooms, { kind, id }: Pick<Entry, "kind" | "id">): Promise<void> {
  if (kind === "container") await rooms.containers.purge(id);
  else if (kind === "image") await rooms.images.purge(id);
  else await rooms.volumes.purge(id);
}
