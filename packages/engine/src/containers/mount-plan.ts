import path from "node:path";
import { LongshoreError } from "#kernel";
import type { HostSettings, ContainerSettings, MountSetting } from "./settings.ts";

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

const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
const PROPAGATIONS = new Set(["rprivate", "private", "rshared", "shared", "rslave", "slave"]);

/** All mounts a container asks for, Mounts over Binds over Tmpfs over image volumes; each destination once. Throws `invalid` in Docker's words. */
export function planMounts(settings: ContainerSettings, host: HostSettings): readonly PlannedMount[] {
  const wanted = new Map<string, PlannedMount>();
  const add = (mount: PlannedMount): void => {
    if (wanted.has(mount.destination))
      throw new LongshoreError("invalid", `Duplicate mount point: ${mount.destination}`);
    wanted.set(mount.destination, mount);
  };
  for (const bind of host.Binds ?? []) add(parseBind(bind, host.VolumeDriver));
  for (const mount of host.Mounts ?? []) add(fromSetting(mount));
  for (const [destination, options] of Object.entries(host.Tmpfs ?? {})) {
    add({
      ...plain,
      type: "tmpfs",
      source: "",
      destination: absolute(destination, destination),
      mode: options,
      propagation: "",
      tmpfsOptions: options.split(",").filter((word) => word !== ""),
    });
  }
  for (const text of Object.keys(settings.Volumes ?? {})) {
    const destination = path.posix.normalize(text).replace(/(.)\/$/, "$1");
    if (!wanted.has(destination))
      add({
        ...plain,
        type: "volume",
        source: "",
        destination: absolute(destination, text),
        mode: "",
        propagation: "",
      });
  }
  return [...wanted.values()];
}

const plain = { isReadOnly: false, isCopying: true, mustCreateSource: false, tmpfsOptions: [] };

/** `source:destination[:options]` or `destination`. */
function parseBind(text: string, driver: string): PlannedMount {
  const fields = text.split(":");
  if (fields.length > 3 || fields.some((field) => field === ""))
    throw new LongshoreError("invalid", `invalid volume specification: '${text}'`);
  const [first = "", second, third] = fields;
  if (second === undefined)
    return {
      ...plain,
      type: "volume",
      source: "",
      destination: absolute(first, text),
      mode: "",
      propagation: "",
    };
  const destination = absolute(second, text);
  if (destination === "/")
    throw new LongshoreError(
      "invalid",
      `invalid volume specification: '${text}': invalid mount config: destination can't be '/'`,
    );
  const options = (third ?? "").split(",").filter((word) => word !== "");
  for (const word of options) {
    if (
      !["ro", "rw", "z", "Z", "nocopy", "copy", "consistent", "cached", "delegated", "rro"].includes(word) &&
      !PROPAGATIONS.has(word)
    )
      throw new LongshoreError(
        "invalid",
        `invalid volume specification: '${text}': invalid mode: ${third ?? ""}`,
      );
  }
  const isReadOnly = options.includes("ro") || options.includes("rro");
  const propagation = options.find((word) => PROPAGATIONS.has(word)) ?? "rprivate";
  if (first.startsWith("/")) {
    return {
      ...plain,
      type: "bind",
      source: path.posix.normalize(first),
      destination,
      isReadOnly,
      mode: third ?? "",
      propagation,
      isCopying: false,
      mustCreateSource: true,
    };
  }
  if (!VOLUME_NAME.test(first)) {
    throw new LongshoreError(
      "invalid",
      `create ${first}: "${first}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
  }
  return {
    ...plain,
    type: "volume",
    source: first,
    destination,
    isReadOnly,
    mode: third ?? "z",
    propagation: "",
    isCopying: !options.includes("nocopy"),
    ...(driver !== "" && { volume: { driver } }),
  };
}

function fromSetting(mount: MountSetting): PlannedMount {
  const refuse = (why: string): LongshoreError =>
    new LongshoreError("invalid", `invalid mount config for type "${mount.Type}": ${why}`);
  if (mount.Target === "") throw refuse("field Target must not be empty");
  const destination = path.posix.normalize(mount.Target).replace(/(.)\/$/, "$1");
  if (!destination.startsWith("/"))
    throw refuse(`invalid mount path: '${mount.Target}' mount path must be absolute`);
  if (destination === "/") throw refuse("invalid specification: destination can't be '/'");
  const base = { ...plain, destination, isReadOnly: mount.ReadOnly ?? false, mode: "" };
  switch (mount.Type) {
    case "bind": {
      if (mount.Source === undefined || mount.Source === "") throw refuse("field Source must not be empty");
      if (!mount.Source.startsWith("/"))
        throw refuse(`invalid mount path: '${mount.Source}' mount path must be absolute`);
      if (mount.VolumeOptions !== undefined) throw refuse("field VolumeOptions must not be specified");
      if (mount.TmpfsOptions !== undefined) throw refuse("field TmpfsOptions must not be specified");
      const { BindOptions: options } = mount;
      const propagation = options?.Propagation ?? "rprivate";
      if (propagation !== "" && !PROPAGATIONS.has(propagation))
        throw refuse(`invalid propagation mode: ${propagation}`);
      const depth = readOnlyDepth(mount, refuse);
      return {
        ...base,
        type: "bind",
        source: path.posix.normalize(mount.Source),
        propagation: propagation === "" ? "rprivate" : propagation,
        isCopying: false,
        mustCreateSource: options?.CreateMountpoint ?? false,
        ...(options?.NonRecursive === true && { isShallow: true }),
        ...depth,
      };
    }
    case "volume": {
      if (mount.BindOptions !== undefined) throw refuse("field BindOptions must not be specified");
      if (mount.TmpfsOptions !== undefined) throw refuse("field TmpfsOptions must not be specified");
      const { VolumeOptions: options } = mount;
      const subpath = options?.Subpath ?? "";
      if (subpath.startsWith("/") || path.posix.normalize(subpath).split("/")[0] === "..")
        throw refuse("subpath must be a relative path within the volume");
      return {
        ...base,
        type: "volume",
        source: mount.Source ?? "",
        propagation: "",
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
      if (mount.Source !== undefined && mount.Source !== "")
        throw refuse("field Source must not be specified");
      if (mount.BindOptions !== undefined) throw refuse("field BindOptions must not be specified");
      if (mount.VolumeOptions !== undefined) throw refuse("field VolumeOptions must not be specified");
      const { TmpfsOptions: options } = mount;
      const words = [
        ...(options?.SizeBytes === undefined ? [] : [`size=${options.SizeBytes}`]),
        ...(options?.Mode === undefined ? [] : [`mode=${options.Mode.toString(8)}`]),
        ...(options?.Options ?? []).map((pair) => pair.join("=")),
      ];
      return { ...base, type: "tmpfs", source: "", propagation: "", tmpfsOptions: words };
    }
    case "npipe":
    case "cluster":
    case "image":
      throw refuse(`mount type "${mount.Type}" is not supported on this engine`);
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

function absolute(text: string, whole: string): string {
  if (!text.startsWith("/"))
    throw new LongshoreError(
      "invalid",
      `invalid volume specification: '${whole}': invalid mount config for type "volume": invalid mount path: '${text}' mount path must be absolute`,
    );
  return path.posix.normalize(text).replace(/(.)\/$/, "$1");
}
