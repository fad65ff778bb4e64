import path from "node:path";
import { isKind, LongshoreError } from "#kernel";
import type { Network } from "#networks";
import type { TrashedVolume } from "#volumes";
import { type Context, publish } from "./context.ts";
import type { Container, MountPoint, RestoreOptions, TrashedContainer } from "./contract.ts";
import { volumeNames } from "./discard.ts";

/**
 * Brings a container of the trash back. Conflicts of names are found before anything is done; then volumes, networks and the image come, each
 * complete by itself, and last the container's record: a crash on the way leaves it in the trash, to be restored again.
 */
export async function restoreContainer(
  context: Context,
  id: string,
  options: RestoreOptions,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly warnings: readonly string[] }> {
  await using _ = await context.locks.hold(id, signal);
  const entry = context.book.inTrash(id);
  if (entry === undefined) throw new LongshoreError("not_found", `No such container in the trash: ${id}`);
  const name = (options.name ?? entry.container.name).replace(/^\//, "");
  const kept = context.volumes.keptFor(id);
  refuseTakenVolumes(context, kept, options.volumes ?? {});
  await using undo = new AsyncDisposableStack();
  context.book.takeName(name, id);
  undo.defer(() => context.book.freeName(name, id));
  const warnings: string[] = [];
  const networks = await remakeNetworks(context, entry.networks, warnings, signal);
  warnings.push(...(await restoreImage(context, entry.container)));
  const known = await renameVolumes(context, entry, kept, options.volumes ?? {});
  for (const { key } of kept) await context.volumes.restore(key, {});
  warnings.push(...missingVolumes(context, known));
  if (known.host.AutoRemove) warnings.push("the container was to be removed at its end: now it stays");
  const container = withNetworks({ ...known, name, host: { ...known.host, AutoRemove: false } }, networks);
  const done = context.book.restore(container);
  for (const volume of volumeNames(container)) context.volumes.reference(volume, id);
  await done;
  undo.move();
  await context.volumes.forgo(id);
  publish(context, container, "create", { trash: id });
  return { name, warnings };
}

function refuseTakenVolumes(
  context: Context,
  kept: readonly TrashedVolume[],
  names: Readonly<Record<string, string>>,
): void {
  const present = new Set(context.volumes.list().map((volume) => volume.name));
  for (const { volume } of kept) {
    const name = names[volume.name] ?? volume.name;
    if (present.has(name))
      throw new LongshoreError(
        "conflict",
        `cannot restore volume "${volume.name}": the name "${name}" was taken meanwhile, want another name`,
      );
  }
}

/** In the trash first, volumes and who mounts them in one transaction: a crash afterwards finds them by their new names. */
async function renameVolumes(
  context: Context,
  entry: TrashedContainer,
  kept: readonly TrashedVolume[],
  names: Readonly<Record<string, string>>,
): Promise<Container> {
  const { id } = entry.container;
  const renamed = new Map<string, string>();
  const done: Promise<void>[] = [];
  for (const { key, volume } of kept) {
    const name = names[volume.name] ?? volume.name;
    if (name === volume.name) continue;
    done.push(context.volumes.renameInTrash(key, name, id));
    renamed.set(volume.name, name);
  }
  if (renamed.size === 0) return entry.container;
  const container = withVolumes(entry.container, renamed);
  await Promise.all([...done, context.book.changeInTrash({ ...entry, container })]);
  return container;
}

function missingVolumes(context: Context, container: Container): readonly string[] {
  const present = new Set(context.volumes.list().map((volume) => volume.name));
  return volumeNames(container)
    .filter((name) => !present.has(name))
    .map((name) => `volume ${name} is gone`);
}

/** Networks that are gone are made again as they were, on another subnet if theirs was taken. Answers new names by old ones. */
async function remakeNetworks(
  context: Context,
  networks: Readonly<Record<string, Network>>,
  warnings: string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const renamed = new Map<string, string>();
  for (const [known, network] of Object.entries(networks)) {
    if (isThere(context, known)) continue;
    if (!isThere(context, network.name)) await remake(context, network, warnings, signal);
    if (known !== network.name) renamed.set(known, network.name);
  }
  return renamed;
}

function isThere(context: Context, name: string): boolean {
  return context.networks.list().some((network) => network.name === name || network.id === name);
}

async function remake(
  context: Context,
  network: Network,
  warnings: string[],
  signal: AbortSignal,
): Promise<void> {
  const { name, driver, isInternal, isAttachable, hasIpv4, hasIpv6, labels, options, ipam } = network;
  const spec = { name, driver, isInternal, isAttachable, hasIpv4, hasIpv6, labels, options };
  try {
    await context.networks.create({ ...spec, ipam: { ...ipam } }, signal);
    warnings.push(`network ${name} was gone and is made again`);
  } catch (error) {
    if (!isKind(error, "forbidden")) throw error;
    await context.networks.create(spec, signal);
    warnings.push(`network ${name} was gone and is made again, on another subnet: its own was taken`);
  }
}

/** Its image, if that was removed meanwhile; names that other images have by now stay theirs. */
async function restoreImage(context: Context, { imageId }: Container): Promise<readonly string[]> {
  if (context.images.list().some(({ id }) => id === imageId)) return [];
  const entry = context.images.trashed().find(({ id, images }) => id === imageId && images.includes(imageId));
  if (entry === undefined) return [`image ${imageId} is gone`];
  const { skipped } = await context.images.restore(entry.key, { isSkippingTaken: true });
  return skipped.map((name) => `image name ${name} was taken meanwhile and stays where it is`);
}

function withNetworks(container: Container, networks: ReadonlyMap<string, string>): Container {
  const { host, endpoints } = container;
  return {
    ...container,
    endpoints: Object.fromEntries(
      Object.entries(endpoints).map(([name, settings]) => [networks.get(name) ?? name, settings]),
    ),
    host: { ...host, NetworkMode: networks.get(host.NetworkMode) ?? host.NetworkMode },
  };
}

/** The container with other names for its volumes, in what it mounts and in what inspect shows of the request. */
function withVolumes(container: Container, volumes: ReadonlyMap<string, string>): Container {
  const { host, mounts } = container;
  const renamed = (name: string): string => volumes.get(name) ?? name;
  const { Mounts } = host;
  return {
    ...container,
    mounts: mounts.map((point) => withVolume(point, volumes)),
    host: {
      ...host,
      Binds:
        host.Binds?.map((bind) => {
          const [source = "", ...rest] = bind.split(":");
          return [renamed(source), ...rest].join(":");
        }) ?? null,
      ...(Mounts !== undefined && {
        Mounts: Mounts.map((mount) =>
          mount.Type === "volume" && mount.Source !== undefined
            ? { ...mount, Source: renamed(mount.Source) }
            : mount,
        ),
      }),
    },
  };
}

function withVolume(point: MountPoint, volumes: ReadonlyMap<string, string>): MountPoint {
  const name = point.name === undefined ? undefined : volumes.get(point.name);
  if (name === undefined || point.name === undefined) return point;
  // A subpath lies behind the folder of the volume: VOLUMES/NAME/_data/SUBPATH.
  const [before = "", behind = ""] = point.source.split(`/${point.name}/_data`);
  return { ...point, name, source: path.join(before, name, "_data", behind) };
}
