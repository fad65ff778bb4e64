import { LongshoreError } from "#kernel";
import type { Healthcheck } from "#spec";
import type {
  ContainerSettings,
  CreateRequest,
  EndpointSettings,
  ExecSettings,
  HostSettings,
  MountSetting,
  RestartPolicy,
} from "#containers";
import {
  anything,
  flag,
  list,
  nullable,
  object,
  optional,
  record,
  type Shape,
  text,
  unsigned,
  whole,
  words,
} from "./shape.ts";
import { answerUnmet } from "./unmet.ts";
import { UNMET_AT_CREATE, UNMET_AT_UPDATE } from "./unmet-settings.ts";

const strings = list(text(""));
const stringMap = record(text(""));
/** Of a terminal. Source: ioctl_tty(2), struct winsize. */
const MAX_SIDE = 65_535;
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

export const healthcheck: Shape<Healthcheck> = object({
  Test: optional(strings),
  Interval: optional(whole(0)),
  Timeout: optional(whole(0)),
  StartPeriod: optional(whole(0)),
  StartInterval: optional(whole(0)),
  Retries: optional(whole(0)),
});

const settingsFields = {
  Hostname: text(""),
  Domainname: text(""),
  User: text(""),
  AttachStdin: flag(false),
  AttachStdout: flag(false),
  AttachStderr: flag(false),
  ExposedPorts: optional(record(anything)),
  Tty: flag(false),
  OpenStdin: flag(false),
  StdinOnce: flag(false),
  Env: strings,
  Cmd: nullable(words),
  Healthcheck: optional(healthcheck),
  ArgsEscaped: optional(flag(false)),
  Image: text(""),
  Volumes: nullable(record(anything)),
  WorkingDir: text(""),
  Entrypoint: nullable(words),
  NetworkDisabled: optional(flag(false)),
  MacAddress: optional(text("")),
  OnBuild: nullable(strings),
  Labels: stringMap,
  StopSignal: optional(text("")),
  StopTimeout: optional(whole(10)),
  Shell: optional(strings),
};

const endpoint: Shape<EndpointSettings> = object({
  IPAMConfig: optional(
    object({
      IPv4Address: optional(text("")),
      IPv6Address: optional(text("")),
      LinkLocalIPs: optional(strings),
    }),
  ),
  Links: optional(strings),
  Aliases: optional(strings),
  MacAddress: optional(text("")),
  DriverOpts: optional(stringMap),
  GwPriority: optional(whole(0)),
});

const portBindings = record(nullable(list(object({ HostIp: text(""), HostPort: portText }))));
/** Host ports come as text; dockerode users send numbers too. */
function portText(value: unknown, path: string): string {
  return typeof value === "number" ? String(value) : text("")(value, path);
}

const restartPolicy = object({ Name: text(""), MaximumRetryCount: whole(0) }) as Shape<RestartPolicy>;
const consoleSize: Shape<readonly [number, number]> = (value, path) => {
  const [rows = 0, columns = 0] = list(unsigned(0, MAX_SIDE))(value, path);
  return [rows, columns];
};

const mountFields = object({
  Type: text(""),
  Source: optional(text("")),
  Target: text(""),
  ReadOnly: optional(flag(false)),
  Consistency: optional(text("")),
  BindOptions: optional(
    object({
      Propagation: optional(text("")),
      NonRecursive: optional(flag(false)),
      CreateMountpoint: optional(flag(false)),
      ReadOnlyNonRecursive: optional(flag(false)),
      ReadOnlyForceRecursive: optional(flag(false)),
    }),
  ),
  VolumeOptions: optional(
    object({
      NoCopy: optional(flag(false)),
      Labels: optional(stringMap),
      Subpath: optional(text("")),
      DriverConfig: optional(object({ Name: optional(text("")), Options: optional(stringMap) })),
    }),
  ),
  TmpfsOptions: optional(
    object({ SizeBytes: optional(whole(0)), Mode: optional(unsigned(0)), Options: optional(list(strings)) }),
  ),
});

const throttles = list(object({ Path: text(""), Rate: unsigned(0) }));

const hostFields = {
  Binds: nullable(strings),
  ContainerIDFile: text(""),
  LogConfig: object({ Type: text("json-file"), Config: stringMap }),
  NetworkMode: text("default"),
  PortBindings: portBindings,
  RestartPolicy: restartPolicy,
  AutoRemove: flag(false),
  VolumeDriver: text(""),
  VolumesFrom: nullable(strings),
  Mounts: optional(list(mountFields)),
  ConsoleSize: consoleSize,
  Annotations: optional(stringMap),
  CapAdd: nullable(words),
  CapDrop: nullable(words),
  CgroupnsMode: text(""),
  Dns: nullable(strings),
  DnsOptions: nullable(strings),
  DnsSearch: nullable(strings),
  ExtraHosts: nullable(strings),
  GroupAdd: nullable(strings),
  IpcMode: text(""),
  Cgroup: text(""),
  Links: nullable(strings),
  OomScoreAdj: whole(0),
  PidMode: text(""),
  Privileged: flag(false),
  PublishAllPorts: flag(false),
  ReadonlyRootfs: flag(false),
  SecurityOpt: nullable(strings),
  StorageOpt: optional(stringMap),
  Tmpfs: optional(stringMap),
  UTSMode: text(""),
  UsernsMode: text(""),
  ShmSize: whole(DEFAULT_SHM_BYTES),
  Sysctls: optional(stringMap),
  Runtime: text(""),
  Isolation: text(""),
  CpuShares: whole(0),
  Memory: whole(0),
  NanoCpus: whole(0),
  CgroupParent: text(""),
  BlkioWeight: unsigned(0, 65_535),
  BlkioWeightDevice: optional(list(object({ Path: text(""), Weight: unsigned(0, 65_535) }))),
  BlkioDeviceReadBps: optional(throttles),
  BlkioDeviceWriteBps: optional(throttles),
  BlkioDeviceReadIOps: optional(throttles),
  BlkioDeviceWriteIOps: optional(throttles),
  CpuPeriod: whole(0),
  CpuQuota: whole(0),
  CpuRealtimePeriod: whole(0),
  CpuRealtimeRuntime: whole(0),
  CpusetCpus: text(""),
  CpusetMems: text(""),
  Devices: nullable(
    list(object({ PathOnHost: text(""), PathInContainer: text(""), CgroupPermissions: text("rwm") })),
  ),
  DeviceCgroupRules: nullable(strings),
  DeviceRequests: nullable(
    list(
      object({
        Driver: text(""),
        Count: whole(0),
        DeviceIDs: nullable(strings),
        Capabilities: nullable(list(strings)),
        Options: nullable(stringMap),
      }),
    ),
  ),
  KernelMemoryTCP: optional(whole(0)),
  MemoryReservation: whole(0),
  MemorySwap: whole(0),
  MemorySwappiness: nullable(whole(-1)),
  OomKillDisable: nullable(flag(false)),
  PidsLimit: nullable(whole(0)),
  Ulimits: nullable(list(object({ Name: text(""), Soft: whole(0), Hard: whole(0) }))),
  CpuCount: whole(0),
  CpuPercent: whole(0),
  Init: optional(flag(false)),
  MaskedPaths: nullable(strings),
  ReadonlyPaths: nullable(strings),
};
const host = object(hostFields) as Shape<unknown> as Shape<HostSettings>;

/** The body of POST /containers/create: ContainerConfig, with HostConfig and NetworkingConfig inside. */
export const createShape: Shape<
  ContainerSettings & {
    readonly HostConfig: HostSettings;
    readonly NetworkingConfig: {
      readonly EndpointsConfig: Readonly<Record<string, EndpointSettings | null>>;
    };
  }
> = object({
  ...settingsFields,
  HostConfig: host,
  NetworkingConfig: object({ EndpointsConfig: record(nullable(endpoint)) }),
});

/** The body of POST /containers/create, as `minor` of the API means it, and warnings for what is left out. */
export function parseCreate(
  body: Readonly<Record<string, unknown>>,
  minor: number,
): Omit<CreateRequest, "name" | "platform"> & { readonly warnings: readonly string[] } {
  const { HostConfig, NetworkingConfig, ...parsed } = createShape(body, "");
  const parsedHost = hostOf(HostConfig, minor);
  if (parsed.Image === "")
    throw new LongshoreError("invalid", "config cannot be empty in order to create a container");
  const warnings = [...answerUnmet(UNMET_AT_CREATE, body)];
  const networks = Object.keys(NetworkingConfig.EndpointsConfig);
  if (minor < 44 && networks.length > 1)
    throw new LongshoreError(
      "invalid",
      `Container cannot be connected to network endpoints: ${networks.join(", ")}`,
    );
  if (minor >= 44 && (parsed.MacAddress ?? "") !== "") {
    const { NetworkMode } = parsedHost;
    const main = NetworkMode === "" || NetworkMode === "default" ? "bridge" : NetworkMode;
    const own = NetworkingConfig.EndpointsConfig[main]?.MacAddress ?? "";
    if (own !== "" && own !== parsed.MacAddress)
      throw new LongshoreError(
        "invalid",
        "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
      );
    warnings.push(
      "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
    );
  }
  const shm = parsedHost.ShmSize === 0 ? { ShmSize: DEFAULT_SHM_BYTES } : {};
  return {
    warnings,
    areBindsReadOnlyAtTop: minor < 44,
    settings: settingsOf(parsed, minor),
    host: {
      ...parsedHost,
      ...shm,
      NetworkMode: parsedHost.NetworkMode === "" ? "default" : parsedHost.NetworkMode,
      LogConfig:
        parsedHost.LogConfig.Type === ""
          ? { ...parsedHost.LogConfig, Type: "json-file" }
          : parsedHost.LogConfig,
      RestartPolicy:
        parsedHost.RestartPolicy.Name === ""
          ? { ...parsedHost.RestartPolicy, Name: "no" }
          : parsedHost.RestartPolicy,
    },
    endpoints: Object.fromEntries(
      Object.entries(NetworkingConfig.EndpointsConfig).map(([name, value]) => [name, value ?? {}]),
    ),
  };
}

/** Fields that came with a later API than the client speaks are as if not given. Source: Docker Engine API, version history. */
function settingsOf(parsed: ContainerSettings, minor: number): ContainerSettings {
  if (minor >= 44 || parsed.Healthcheck?.StartInterval === undefined) return parsed;
  const { StartInterval: _, ...Healthcheck } = parsed.Healthcheck;
  return { ...parsed, Healthcheck };
}

function hostOf(parsed: HostSettings, minor: number): HostSettings {
  const { Annotations, ...rest } = parsed;
  return {
    ...rest,
    ...(minor >= 43 && Annotations !== undefined && { Annotations }),
    ...(minor < 42 && { ConsoleSize: [0, 0] }),
    // Older clients expect that others may join.
    ...(parsed.IpcMode === "" && { IpcMode: minor < 40 ? "shareable" : "private" }),
    ...(parsed.Mounts !== undefined && { Mounts: parsed.Mounts.map((mount) => mountOf(mount, minor)) }),
  };
}

const OPTIONS_OF = { bind: "BindOptions", volume: "VolumeOptions", tmpfs: "TmpfsOptions" } as const;

/** A mount as `minor` of the API means it. Throws `invalid` in Docker's words. Source: Docker Engine 28, POST /containers/create. */
function mountOf(mount: MountSetting, minor: number): MountSetting {
  const refuse = (message: string): LongshoreError => new LongshoreError("invalid", message);
  let kept = mount;
  for (const [kind, name] of Object.entries(OPTIONS_OF)) {
    if (kept[name] === undefined || kept.Type === kind) continue;
    if (minor >= 42) throw refuse(`${name} must not be specified on mount type "${mount.Type}"`);
    const { [name]: _, ...rest } = kept;
    kept = rest;
  }
  if (minor < 45 && (kept.VolumeOptions?.Subpath ?? "") !== "")
    throw refuse("VolumeOptions.Subpath needs API v1.45 or newer");
  if (minor >= 44 || kept.Type !== "bind") return kept;
  if (kept.BindOptions?.ReadOnlyForceRecursive === true)
    throw refuse("BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer");
  return beforeRecursion(kept);
}

/** Read-only binds covered the mounts below them from 1.44 on. */
function beforeRecursion(mount: MountSetting): MountSetting {
  if (mount.ReadOnly !== true) return mount;
  return { ...mount, BindOptions: { ...mount.BindOptions, ReadOnlyNonRecursive: true } };
}

const UPDATABLE = [
  "Memory",
  "MemorySwap",
  "MemoryReservation",
  "NanoCpus",
  "CpuShares",
  "CpuQuota",
  "CpuPeriod",
  "CpuRealtimePeriod",
  "CpuRealtimeRuntime",
  "CpusetCpus",
  "CpusetMems",
  "BlkioWeight",
  "PidsLimit",
  "RestartPolicy",
] as const;

/** What POST /containers/ID/update can change. */
export const updateShape: Shape<Partial<HostSettings>> = object(
  Object.fromEntries(UPDATABLE.map((name) => [name, hostFields[name]])),
);

/** Only the fields given, and warnings for those that stay as they are. */
export function parseUpdate(body: Readonly<Record<string, unknown>>): {
  readonly patch: Partial<HostSettings>;
  readonly warnings: readonly string[];
} {
  // Every field of HostConfig must be of its type, also where it can't be changed.
  host(body, "");
  const given = new Set(
    Object.entries(body)
      .map(([key, value]) => [key.toLowerCase(), value] as const)
      // A limit of 0 processes is none.
      .filter(([key, value]) => value !== null && value !== "" && (value !== 0 || key === "pidslimit"))
      .map(([key]) => key),
  );
  const patch = Object.fromEntries(
    Object.entries(updateShape(body, "")).filter(([name]) => given.has(name.toLowerCase())),
  ) as Partial<HostSettings>;
  const { RestartPolicy, PidsLimit, ...others } = patch;
  const pids = typeof PidsLimit === "number" ? { PidsLimit: Math.max(PidsLimit, 0) } : {};
  const rest = { ...others, ...pids };
  return {
    patch: RestartPolicy === undefined || RestartPolicy.Name === "" ? rest : { ...rest, RestartPolicy },
    warnings: answerUnmet(UNMET_AT_UPDATE, body),
  };
}

export const parseEndpoint: Shape<EndpointSettings> = endpoint;

export const execShape: Shape<ExecSettings> = object({
  AttachStdin: flag(false),
  AttachStdout: flag(false),
  AttachStderr: flag(false),
  DetachKeys: text(""),
  Tty: flag(false),
  Env: strings,
  Cmd: words,
  Privileged: flag(false),
  User: text(""),
  WorkingDir: text(""),
  ConsoleSize: optional(consoleSize),
});

export function parseExec(body: Readonly<Record<string, unknown>>): ExecSettings {
  return execShape(body, "");
}

export const parseExecStart: Shape<{
  readonly Detach: boolean;
  readonly Tty: boolean;
  readonly ConsoleSize?: readonly [number, number];
}> = object({
  Detach: flag(false),
  Tty: flag(false),
  ConsoleSize: optional(consoleSize),
});
