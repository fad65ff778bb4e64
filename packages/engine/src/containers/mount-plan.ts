import path from "node:path";
import { LongshoreError, messageOf } from "#kernel";
import { isBindMode, isPropagation } from "./bind-mode.ts";
import { cleanPath } from "./clean-path.ts";
import type { HostSettings, ContainerSettings, MountSetting } from "./settings.ts";
import { tmpfsWords } from "./tmpfs-options.ts";

/** A mount as wanted, before volumes exist. `source` of a volume is its name ("" = anonymous). */
export interface PlannedMount {
  readonly type: "bind" | "volume" | "tmpfs";
  readonly source: string;
  readonly destination: string;
  readonly isReadOnly: boolean;
  /** The options text as inspect shows it (Mode). */
  readonly mode: string;
  readonly propagation: string;
  readonly isCopying: boolean;
  readonly mustCreateSource: boolean;
  readonly tmpfsOptions: readonly string[];
  readonly isShallow?: boolean;
  readonly isReadOnlyAtTop?: boolean;
  readonly mustBeReadOnlyBelow?: boolean;
  readonly volume?: {
    readonly driver?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
    readonly subpath?: string;
  };
}

/**
 * All mounts a container asks for: Binds, Mounts, Tmpfs, then volumes of the image where none of them is; each destination once. Throws
 * `invalid` in Docker's words.
 */
export function planMounts(
  settings: ContainerSettings,
  host: HostSettings,
  areBindsReadOnlyAtTop = false,
): readonly PlannedMount[] {
  const wanted = new Map<string, PlannedMount>();
  const add = (mount: PlannedMount, target = mount.destination): void => {
    if (wanted.has(mount.destination))
      throw new LongshoreError("invalid", `Duplicate mount point: ${target}`);
    wanted.set(mount.destination, mount);
  };
  const driver = host.VolumeDriver === "" ? {} : { volume: { driver: host.VolumeDriver } };
  for (const bind of host.Binds ?? []) add(parseBind(bind, host.VolumeDriver, areBindsReadOnlyAtTop));
  for (const mount of host.Mounts ?? []) add(planOf(mount), mount.Target);
  for (const [target, options] of Object.entries(host.Tmpfs ?? {})) {
    const refuse = (why: string): LongshoreError => new LongshoreError("invalid", why);
    add({
      ...plain,
      type: "tmpfs",
      destination: destinationOf(target, refuse),
      mode: options,
      tmpfsOptions: options.split(",").filter((word) => word !== ""),
    });
  }
  for (const text of Object.keys(settings.Volumes ?? {})) {
    // An image may name it from the root without saying so.
    const destination = cleanPath(`/${text}`);
    if (destination === "/")
      throw new LongshoreError("invalid", `invalid volume "${text}": destination can't be '/'`);
    if (!wanted.has(destination))
      wanted.set(destination, { ...plain, type: "volume", destination, ...driver });
  }
  return [...wanted.values()];
}

const plain = {
  source: "",
  mode: "",
  propagation: "",
  isReadOnly: false,
  isCopying: true,
  mustCreateSource: false,
  tmpfsOptions: [],
};

/** `source:destination[:options]` or `destination`. */
function parseBind(text: string, driver: string, isReadOnlyAtTop: boolean): PlannedMount {
  const spec = `invalid volume specification: '${text}'`;
  const fields = text.split(":");
  const [first = "", second, mode = ""] = fields;
  // A place and options alone would be a volume without a name, and those have none.
  const isUnclear = fields.length === 2 && isBindMode(second ?? "");
  if (first === "" || fields.length > 3 || isUnclear) throw new LongshoreError("invalid", spec);
  if (!isBindMode(mode)) throw new LongshoreError("invalid", `invalid mode: ${mode}`);
  const words = mode.split(",");
  const propagation = words.find(isPropagation);
  const copying = words.find((word) => word === "copy" || word === "nocopy");
  const isBind = second !== undefined && first.startsWith("/");
  const isAtTop = isReadOnlyAtTop && isBind && words.includes("ro");
  const driven = driver !== "" && !isBind;
  const setting: MountSetting = {
    Type: isBind ? "bind" : "volume",
    ...(second !== undefined && { Source: first }),
    Target: second ?? first,
    ReadOnly: words.includes("ro"),
    ...((propagation !== undefined || isAtTop) && {
      BindOptions: {
        ...(propagation !== undefined && { Propagation: propagation }),
        ...(isAtTop && { ReadOnlyNonRecursive: true }),
      },
    }),
    ...((copying !== undefined || driven) && {
      VolumeOptions: { NoCopy: copying === "nocopy", ...(driven && { DriverConfig: { Name: driver } }) },
    }),
  };
  try {
    return { ...planOf(setting), mode: isBind || mode !== "" ? mode : "z", mustCreateSource: isBind };
  } catch (error) {
    throw new LongshoreError("invalid", `${spec}: ${messageOf(error)}`, { cause: error });
  }
}

/** One of --mount, or a bind in its words. */
function planOf(mount: MountSetting): PlannedMount {
  const refuse = (why: string): LongshoreError =>
    new LongshoreError("invalid", `invalid mount config for type "${mount.Type}": ${why}`);
  if (mount.Target === "") throw refuse("field Target must not be empty");
  const base = {
    ...plain,
    destination: destinationOf(mount.Target, refuse),
    isReadOnly: mount.ReadOnly ?? false,
  };
  const without = (...names: readonly ("BindOptions" | "VolumeOptions" | "TmpfsOptions")[]): void => {
    for (const name of names)
      if (mount[name] !== undefined) throw refuse(`field ${name} must not be specified`);
  };
  const source = mount.Source ?? "";
  switch (mount.Type) {
    case "bind": {
      if (source === "") throw refuse("field Source must not be empty");
      const { BindOptions: options } = mount;
      const propagation = options?.Propagation ?? "";
      if (propagation !== "" && !isPropagation(propagation))
        throw refuse(`invalid propagation mode: ${propagation}`);
      without("VolumeOptions", "TmpfsOptions");
      if (!source.startsWith("/")) throw refuse(notAbsolute(source));
      return {
        ...base,
        type: "bind",
        source: cleanPath(source),
        propagation: propagation === "" ? "rprivate" : propagation,
        isCopying: false,
        mustCreateSource: options?.CreateMountpoint ?? false,
        ...(options?.NonRecursive === true && { isShallow: true }),
        ...readOnlyDepth(mount, refuse),
      };
    }
    case "volume": {
      without("BindOptions", "TmpfsOptions");
      const { VolumeOptions: options } = mount;
      const subpath = options?.Subpath ?? "";
      if (subpath !== "" && source === "") throw refuse("must not set Subpath when using anonymous volumes");
      if (subpath.startsWith("/") || path.posix.normalize(subpath).split("/")[0] === "..")
        throw refuse("subpath must be a relative path within the volume");
      if (base.isReadOnly && source === "")
        throw refuse("must not set ReadOnly mode when using anonymous volumes");
      return {
        ...base,
        type: "volume",
        source,
        mode: "z",
        isCopying: !(options?.NoCopy ?? false),
        volume: {
          ...(options?.DriverConfig?.Name !== undefined && { driver: options.DriverConfig.Name }),
          ...(options?.DriverConfig?.Options !== undefined && { options: options.DriverConfig.Options }),
          ...(options?.Labels !== undefined && { labels: options.Labels }),
          ...(subpath !== "" && { subpath }),
        },
      };
    }
    case "tmpfs": {
      without("BindOptions", "VolumeOptions");
      if (source !== "") throw refuse("field Source must not be specified");
      return { ...base, type: "tmpfs", tmpfsOptions: tmpfsWords(mount.TmpfsOptions, refuse) };
    }
    case "image":
      throw refuse(`mount type "image" is not supported by this engine`);
    // What a client sends may be anything.
    case "npipe":
    case "cluster":
    default:
      throw refuse("mount type unknown");
  }
}

/** How deep `ReadOnly` goes: to the mounts below as well, unless the options say otherwise. Source: Docker Engine API, BindOptions. */
function readOnlyDepth(
  { ReadOnly = false, BindOptions: options }: MountSetting,
  refuse: (why: string) => LongshoreError,
): Pick<PlannedMount, "isReadOnlyAtTop" | "mustBeReadOnlyBelow"> {
  const isAtTop = options?.ReadOnlyNonRecursive === true;
  const isForced = options?.ReadOnlyForceRecursive === true;
  if (isAtTop && !ReadOnly)
    throw refuse("mount options conflict: !ReadOnly && BindOptions.ReadOnlyNonRecursive");
  if (isForced && !ReadOnly)
    throw refuse("mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive");
  if (isAtTop && isForced)
    throw refuse(
      "mount options conflict: BindOptions.ReadOnlyNonRecursive && BindOptions.ReadOnlyForceRecursive",
    );
  if (isForced && options.Propagation !== "rprivate")
    throw refuse("BindOptions.ReadOnlyForceRecursive needs BindOptions.Propagation rprivate");
  return { ...(isAtTop && { isReadOnlyAtTop: true }), ...(isForced && { mustBeReadOnlyBelow: true }) };
}

const notAbsolute = (text: string): string => `invalid mount path: '${text}' mount path must be absolute`;

function destinationOf(target: string, refuse: (why: string) => LongshoreError): string {
  const destination = cleanPath(target);
  if (destination === "/") throw refuse("invalid specification: destination can't be '/'");
  if (!destination.startsWith("/")) throw refuse(notAbsolute(target));
  return destination;
}
