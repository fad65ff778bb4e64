import { LongshoreError } from "#kernel";
import type {
  ContainerSettings,
  CreateRequest,
  EndpointSettings,
  ExecSettings,
  HostSettings,
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
  whole,
  words,
} from "./shape.ts";

const strings = list(text(""));
const stringMap = record(text(""));
const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

const healthcheck = object({
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
const settings: Shape<ContainerSettings> = object(settingsFields);

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
  const [rows = 0, columns = 0] = list(whole(0))(value, path);
  return [rows, columns];
};

const mountFields = object({
  Type: text("volume"),
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
    object({ SizeBytes: optional(whole(0)), Mode: optional(whole(0)), Options: optional(list(strings)) }),
  ),
});

const throttles = list(object({ Path: text(""), Rate: whole(0) }));

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
  IpcMode: text("private"),
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
  BlkioWeight: whole(0),
  BlkioWeightDevice: optional(list(object({ Path: text(""), Weight: whole(0) }))),
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
  DeviceRequests: nullable(list(anything)),
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
const host = object(hostFields) as unknown as Shape<HostSettings>;

/** POST /containers/create: the body is ContainerConfig with HostConfig and NetworkingConfig inside. */
export function parseCreate(
  body: Readonly<Record<string, unknown>>,
): Omit<CreateRequest, "name" | "platform"> {
  const outer = object({
    HostConfig: (value: unknown) => value as unknown,
    NetworkingConfig: object({ EndpointsConfig: record(nullable(endpoint)) }),
  })(body, "");
  const parsedHost = host(outer.HostConfig, "HostConfig");
  const parsed = settings(body, "");
  if (parsed.Image === "")
    throw new LongshoreError("invalid", "config cannot be empty in order to create a container");
  const shm = parsedHost.ShmSize === 0 ? { ShmSize: DEFAULT_SHM_BYTES } : {};
  return {
    settings: parsed,
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
      Object.entries(outer.NetworkingConfig.EndpointsConfig).map(([name, value]) => [name, value ?? {}]),
    ),
  };
}

/** Only the fields given, for POST /containers/ID/update. */
export function parseUpdate(body: Readonly<Record<string, unknown>>): Partial<HostSettings> {
  const all = host(body, "") as unknown as Record<string, unknown>;
  const given = new Set(
    Object.entries(body)
      .filter(([, value]) => value !== null && value !== 0 && value !== "")
      .map(([key]) => key.toLowerCase()),
  );
  const changeable = [
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
  ];
  const patch = Object.fromEntries(
    changeable.filter((name) => given.has(name.toLowerCase())).map((name) => [name, all[name]]),
  );
  if ("RestartPolicy" in patch && (patch["RestartPolicy"] as RestartPolicy).Name === "")
    delete patch["RestartPolicy"];
  return patch as Partial<HostSettings>;
}

export const parseEndpoint: Shape<EndpointSettings> = endpoint;

const exec = object({
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
  return exec(body, "");
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
