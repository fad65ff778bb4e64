import { closeSync, fstatSync, openSync, readlinkSync, realpathSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, realpath, rmdir, stat, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { bindMount, mountOverlay, unmount } from "#host";
import { errno, LongshoreError } from "#kernel";
import type { RuntimeMount } from "#spec";
import { isInheritedMode } from "./bind-mode.ts";
import type { Context } from "./context.ts";
import type { Container, MountPoint } from "./contract.ts";
import type { PlannedMount } from "./mount-plan.ts";
import { tmpfsOptions } from "./tmpfs-options.ts";

/** Makes what planned mounts need (volumes, bind sources) and says what inspect will show. New anonymous volumes go to `undo`. */
export async function realiseMounts(
  context: Context,
  id: string,
  plan: readonly PlannedMount[],
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<readonly MountPoint[]> {
  const points: MountPoint[] = [];
  for (const mount of plan) {
    if (mount.type === "volume") points.push(await realiseVolume(context, id, mount, undo, signal));
    else if (mount.type === "bind") points.push(await realiseBind(context, mount));
    else
      points.push({
        type: "tmpfs",
        source: "",
        destination: mount.destination,
        mode: mount.mode,
        isWritable: !mount.tmpfsOptions.includes("ro") && !mount.isReadOnly,
        propagation: "",
      });
  }
  return points;
}

async function realiseVolume(
  context: Context,
  id: string,
  mount: PlannedMount,
  undo: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<MountPoint> {
  const isNew = mount.source === "" || !context.volumes.list().some((volume) => volume.name === mount.source);
  const volume = await context.volumes.create(
    { ...(mount.source !== "" && { name: mount.source }), ...mount.volume },
    signal,
  );
  if (isNew) undo.defer(() => context.volumes.remove(volume.name, { isForced: true }));
  context.volumes.reference(volume.name, id);
  return {
    type: "volume",
    name: volume.name,
    source:
      mount.volume?.subpath === undefined
        ? volume.mountpoint
        : path.join(volume.mountpoint, mount.volume.subpath),
    destination: mount.destination,
    driver: volume.driver,
    mode: mount.mode,
    isWritable: !mount.isReadOnly,
    propagation: "",
  };
}

async function realiseBind(context: Context, mount: PlannedMount): Promise<MountPoint> {
  if (mount.mustBeReadOnlyBelow === true && !context.facts.canMountReadOnlyBelow)
    throw new LongshoreError(
      "invalid",
      `invalid mount config for type "bind": ReadOnlyForceRecursive needs Linux 5.12 or later`,
    );
  try {
    await stat(mount.source);
  } catch (error) {
    if (errno(error) !== "ENOENT")
      throw new LongshoreError(
        "invalid",
        `invalid mount config for type "bind": stat ${mount.source}: ${errno(error) ?? "failed"}`,
        { cause: error },
      );
    if (!mount.mustCreateSource)
      throw new LongshoreError(
        "invalid",
        `invalid mount config for type "bind": bind source path does not exist: ${mount.source}`,
      );
    await mkdir(mount.source, { recursive: true });
  }
  return {
    type: "bind",
    source: mount.source,
    destination: mount.destination,
    mode: mount.mode,
    isWritable: !mount.isReadOnly,
    propagation: mount.propagation,
    ...(mount.isShallow === true && { isShallow: true }),
    ...(mount.isReadOnlyAtTop === true && { isReadOnlyAtTop: true }),
  };
}

/** Copies the image's files at each fresh volume's destination into it (copy-up), through one temporary mount of the root. */
export async function copyUpVolumes(
  context: Context,
  id: string,
  plan: readonly PlannedMount[],
  points: readonly MountPoint[],
  signal: AbortSignal,
): Promise<void> {
  const wanted = points.filter(
    (point) =>
      point.type === "volume" &&
      plan.some((mount) => mount.destination === point.destination && mount.isCopying),
  );
  if (wanted.length === 0) return;
  const root = context.layers.mount(id);
  const hasContent = await Promise.all(wanted.map((point) => existsInLayers(root.lowers, point.destination)));
  if (!hasContent.some(Boolean)) return;
  await using undo = new AsyncDisposableStack();
  await mkdir(path.join(context.stateRoot, "tmp"), { recursive: true });
  const place = await mkdtemp(path.join(context.stateRoot, "tmp", "copy-up-"));
  undo.defer(() => rmdir(place));
  // Overlay wants two lower directories when there is no upper: an empty one below changes nothing.
  const empty = path.join(context.stateRoot, "tmp", "empty");
  await mkdir(empty, { recursive: true });
  mountOverlay({ lowers: [...root.lowers, empty] }, place);
  undo.defer(() => unmount(place));
  for (const point of wanted) {
    const source = await insideRoot(place, point.destination);
    if (source !== undefined && point.name !== undefined)
      await context.volumes.copyUp(point.name, source, signal);
  }
}

/** Unmounts what a create or a start that died left mounted below `folder`. */
export async function dropScratchMounts(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errno(error) === "ENOENT") return [];
    throw error;
  });
  for (const name of names.filter((one) => /^(copy-up|subpath)-/.test(one))) {
    const place = path.join(folder, name);
    unmount(path.join(place, "part"));
    unmount(place);
    // Never what lies below a mount: these remove an empty folder or file only.
    await rmdir(path.join(place, "part")).catch(async (error: unknown) => {
      if (errno(error) === "ENOTDIR") await unlink(path.join(place, "part"));
      else if (errno(error) !== "ENOENT") throw error;
    });
    await rmdir(place);
  }
}

async function existsInLayers(layers: readonly string[], place: string): Promise<boolean> {
  const [first = ""] = place.split("/").filter((part) => part !== "");
  for (const layer of layers) {
    // The first path part decides cheaply: a symlink there may lead anywhere, so it counts as content.
    if (
      await lstat(path.join(layer, first)).then(
        () => true,
        () => false,
      )
    )
      return true;
  }
  return false;
}

/** `place` inside the mounted `root` when it is a directory there and no symlink leads out; undefined otherwise. */
async function insideRoot(root: string, place: string): Promise<string | undefined> {
  try {
    const real = await realpath(path.join(root, place));
    if (real !== root && !real.startsWith(`${root}/`)) return undefined;
    return (await stat(real)).isDirectory() ? real : undefined;
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR" || errno(error) === "ELOOP") return undefined;
    throw error;
  }
}

/** The mounts of other containers that `VolumesFrom` names. */
export function inheritedMounts(
  context: Context,
  id: string,
  names: readonly string[],
): readonly MountPoint[] {
  return names.flatMap((text) => {
    const [name = "", ...rest] = text.split(":");
    const mode = rest.join(":");
    if (text === "") throw refuseInherited("volumes-from specification cannot be an empty string");
    if (!isInheritedMode(mode)) throw refuseInherited(`invalid mode: ${mode}`);
    const lender = context.book.find(name);
    if (lender === undefined) throw refuseInherited(`No such container: ${name}`);
    return lender.mounts
      .filter((point) => point.type !== "tmpfs")
      .map((point) => {
        if (point.name !== undefined) context.volumes.reference(point.name, id);
        return { ...point, isWritable: point.isWritable && !mode.split(",").includes("ro") };
      });
  });
}

// A client reads "not found" at create as a missing image.
const refuseInherited = (message: string): LongshoreError => new LongshoreError("invalid", message);

/** OCI mounts for a start: volumes are held, bind sources checked. What `opened` holds must last until the process is there, and no longer. */
export async function runtimeMounts(
  context: Context,
  container: Container,
  undo: AsyncDisposableStack,
  opened: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<readonly RuntimeMount[]> {
  const mounts: RuntimeMount[] = [];
  for (const point of container.mounts) {
    if (point.type === "tmpfs") {
      mounts.push({
        destination: point.destination,
        type: "tmpfs",
        source: "tmpfs",
        options: tmpfsOptions(container.host, point),
      });
      continue;
    }
    let { source } = point;
    if (point.type === "volume" && point.name !== undefined) {
      const name = point.name;
      const whole = await context.volumes.hold(name, { ...point, containerId: container.id }, signal);
      undo.defer(() => context.volumes.release(name, container.id));
      if (source !== whole) source = await bindSubpath(context, whole, source, opened);
    }
    const stats = await stat(source).catch((error: unknown) => {
      throw new LongshoreError(
        "invalid",
        `error while creating mount source path '${point.source}': bind source path does not exist`,
        { cause: error },
      );
    });
    await checkPropagation(context, point);
    mounts.push({
      destination: point.destination,
      type: "bind",
      source,
      options: [
        ...bindWords(point),
        ...(point.isWritable ? [] : [readOnlyWord(context, point, stats.isDirectory())]),
      ],
    });
  }
  // Parents before children, whatever the order they were named in.
  return mounts.toSorted((a, b) => depth(a.destination) - depth(b.destination));
}

/** The kind of bind and its propagation. crun takes a recursive propagation for a recursive bind: a shallow one has the plain word. */
function bindWords({ isShallow, propagation }: MountPoint): readonly string[] {
  const word = propagation === "" ? "rprivate" : propagation;
  return isShallow === true ? ["bind", word.replace(/^r/, "")] : ["rbind", word];
}

/** Mounts pass only where the host lets them. Throws `invalid` in Docker's words. */
async function checkPropagation({ facts }: Context, { propagation, source }: MountPoint): Promise<void> {
  const kind = propagation.replace(/^r/, "");
  if (kind !== "shared" && kind !== "slave") return;
  const { place, isShared, isSlave } = await facts.mountOf(source);
  if (isShared || (kind === "slave" && isSlave)) return;
  const wanted = kind === "shared" ? "shared" : "shared or slave";
  throw new LongshoreError(
    "invalid",
    `path ${source} is mounted on ${place} but it is not a ${wanted} mount`,
  );
}

/** `rro` takes the mounts below as well; below a file there are none. Source: mount_setattr(2), Linux 5.12. */
function readOnlyWord(context: Context, point: MountPoint, isFolder: boolean): string {
  const isAtTop = point.isReadOnlyAtTop === true || point.isShallow === true || !isFolder;
  return isAtTop || !context.facts.canMountReadOnlyBelow ? "ro" : "rro";
}

/** Only names the file. Source: open(2), <asm-generic/fcntl.h>. */
const O_PATH = 0o10000000;

/**
 * A part of a volume, bound at a place of the engine's own: what another container does to the volume's links meanwhile can't lead the
 * container's mount out. Throws `invalid` for what is not there or lies elsewhere.
 */
export async function bindSubpath(
  context: Context,
  volume: string,
  place: string,
  opened: AsyncDisposableStack,
): Promise<string> {
  const inside = path.relative(volume, place);
  using fd = openPath(place, inside);
  if (!readlinkSync(`/proc/self/fd/${fd.number}`).startsWith(`${realpathSync(volume)}/`))
    throw new LongshoreError("invalid", `path ${inside} leads out of the volume`);
  const folder = path.join(context.stateRoot, "tmp");
  await mkdir(folder, { recursive: true });
  const own = await mkdtemp(path.join(folder, "subpath-"));
  opened.defer(() => rmdir(own));
  const target = path.join(own, "part");
  const isFolder = fstatSync(fd.number).isDirectory();
  if (isFolder) await mkdir(target);
  else await writeFile(target, "");
  // Never what lies below: were the volume still mounted there, it would be its data.
  opened.defer(() => (isFolder ? rmdir(target) : unlink(target)));
  bindMount(`/proc/self/fd/${fd.number}`, target);
  opened.defer(() => unmount(target));
  return target;
}

function openPath(place: string, name: string): { readonly number: number } & Disposable {
  try {
    const number = openSync(place, O_PATH);
    return { number, [Symbol.dispose]: () => closeSync(number) };
  } catch (error) {
    throw new LongshoreError(
      "invalid",
      `cannot access path ${name} of the volume: ${errno(error) ?? "failed"}`,
      {
        cause: error,
      },
    );
  }
}

const depth = (place: string): number => place.split("/").length;
