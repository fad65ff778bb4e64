import { isKind, LongshoreError } from "#kernel";
import type { Network } from "#networks";
import { dropFiles, release, tryAgainLater } from "./clean-up.ts";
import { type Context, logDirectoryOf, publish } from "./context.ts";
import type { Container } from "./contract.ts";
import { diskBytesOf } from "./disk.ts";
import { withEnded } from "./stop.ts";

/** Removes a container into the trash. Its record moves in one transaction; its snapshot, log and files stay where they are. */
export async function discardContainer(
  context: Context,
  name: string,
  options: { readonly isForced: boolean; readonly hasVolumes: boolean },
  signal: AbortSignal,
): Promise<string> {
  const { id } = context.book.get(name);
  const live = context.book.live(id);
  live.isDiscarding = true;
  try {
    await withEnded(context, id, options.isForced, signal, (container) =>
      moveToTrash(context, container, signal),
    );
  } finally {
    live.isDiscarding = false;
  }
  const entry = context.book.inTrash(id);
  if (entry === undefined) throw new LongshoreError("not_found", `No such container: ${name}`);
  if (options.hasVolumes) await discardAnonymousVolumes(context, entry.container);
  return id;
}

async function moveToTrash(context: Context, container: Container, signal: AbortSignal): Promise<void> {
  const { id } = container;
  const live = context.book.live(id);
  if (live.isUnclean) await release(context, container);
  await context.logs.endShipment(logDirectoryOf(context, id));
  const diskBytes = await diskBytesOf(context, id, signal);
  const top = context.layers.snapshotParent(id);
  const moved = context.book.discard({
    container,
    removedAt: context.clock.now().toISOString(),
    diskBytes,
    ...(top !== undefined && { top }),
    networks: networksOf(context, container),
  });
  // In the same turn: nobody finds its volumes unneeded in between.
  context.volumes.unreference(id);
  for (const name of volumeNames(container)) context.volumes.expect(name, id);
  await moved;
  publish(context, container, "destroy", { trash: id });
  live.removed.resolve({ code: container.state.exitCode });
  live.isUnclean = false;
  context.book.forget(id);
}

/** Those that can be made again. */
function networksOf(context: Context, { endpoints }: Container): Readonly<Record<string, Network>> {
  const found: Record<string, Network> = {};
  for (const name of Object.keys(endpoints)) {
    try {
      const network = context.networks.get(name);
      if (!["bridge", "host", "none"].includes(network.name)) found[name] = network;
    } catch (error) {
      if (!isKind(error, "not_found")) throw error;
    }
  }
  return found;
}

async function discardAnonymousVolumes(context: Context, container: Container): Promise<void> {
  for (const name of volumeNames(container)) {
    const volume = context.volumes.list().find((candidate) => candidate.name === name);
    if (volume?.isAnonymous !== true || context.volumes.usedBy(name).length > 0) continue;
    try {
      await context.volumes.discard(name, { keptFor: container.id });
    } catch (error) {
      // Used or removed by someone else meanwhile.
      if (!isKind(error, "conflict") && !isKind(error, "not_found")) throw error;
    }
  }
}

/** For good: the record first, then its files, then what was only kept for it. After a crash the next start goes on. */
export async function purgeContainer(context: Context, id: string, signal: AbortSignal): Promise<void> {
  await using _ = await context.locks.hold(id, signal);
  const entry = context.book.inTrash(id);
  if (entry === undefined) return;
  await context.book.purge(id);
  try {
    await dropFiles(context, entry.container);
  } catch (error) {
    tryAgainLater(context, id, () => dropFiles(context, entry.container), error);
  }
  await context.volumes.forgo(id);
  await context.images.forgo();
}

/** What was kept for containers that left the trash in the moment of a crash. */
export async function dropIdle(context: Context): Promise<void> {
  const needers = new Set(context.volumes.trashed().flatMap(({ neededBy }) => neededBy));
  for (const id of needers) if (context.book.inTrash(id) === undefined) await context.volumes.forgo(id);
  await context.images.forgo();
}

export function volumeNames({ mounts }: Pick<Container, "mounts">): readonly string[] {
  return [
    ...new Set(mounts.flatMap(({ type, name }) => (type === "volume" && name !== undefined ? [name] : []))),
  ];
}
