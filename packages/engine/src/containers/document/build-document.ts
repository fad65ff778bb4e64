import type { RuntimeDocument, RuntimeMount, RuntimeProcess, RuntimeResources } from "#spec";
import type { ContainerSettings, HostSettings } from "../settings.ts";
import { capabilitySet } from "./capabilities.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./paths.ts";
import { defaultSeccomp } from "./seccomp.ts";

/** Numbers of the user a process runs as. */
export interface ProcessUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
  readonly home: string;
}

/** A device node that the document makes. */
export interface DeviceNode {
  readonly path: string;
  readonly type: "c" | "b";
  readonly major: number;
  readonly minor: number;
  readonly fileMode: number;
  readonly access: string;
}

/** All that decides a container's OCI document: settings, and what the host resolved for them. */
export interface DocumentRequest {
  readonly id: string;
  readonly settings: ContainerSettings;
  readonly host: HostSettings;
  readonly path: string;
  readonly args: readonly string[];
  readonly user: ProcessUser;
  /** Binds, volumes and tmpfs in mount order. */
  readonly mounts: readonly RuntimeMount[];
  /** Host paths of the generated files, absent where the image's own is used. */
  readonly files: { readonly resolvConf?: string; readonly hostname?: string; readonly hosts?: string };
  readonly hostname: string;
  /** Paths of namespaces to join; absent type = a new one; "host" = none. */
  readonly namespaces: {
    readonly network: string;
    readonly pid: string;
    readonly ipc: string;
    readonly uts: string;
    readonly cgroup: string;
  };
  readonly devices: readonly DeviceNode[];
  /** What the engine itself may: upper bound of capabilities and rlimits. */
  readonly held: ReadonlySet<string>;
  readonly isCgroupV2: boolean;
  readonly cgroupParent: string;
}

/** Builds the OCI runtime document. Pure: the same request gives the same document (golden tests). Source: OCI runtime spec 1.1. */
export function buildDocument(request: DocumentRequest): RuntimeDocument {
  const { settings, host } = request;
  const capabilities = capabilitySet(host.CapAdd ?? [], host.CapDrop ?? [], host.Privileged, request.held);
  const security = parseSecurityOptions(host.SecurityOpt ?? []);
  const isUnconfined = host.Privileged || security.seccomp === "unconfined";
  return {
    ociVersion: "1.0.2",
    process: {
      terminal: settings.Tty,
      ...(settings.Tty &&
        host.ConsoleSize[0] > 0 && {
          consoleSize: { height: host.ConsoleSize[0], width: host.ConsoleSize[1] },
        }),
      ...processOf(request, capabilities),
      noNewPrivileges: security.isNoNewPrivileges,
    },
    root: { path: "rootfs", readonly: host.ReadonlyRootfs },
    ...(request.namespaces.uts !== "host" && { hostname: request.hostname }),
    ...(settings.Domainname !== "" &&
      request.namespaces.uts !== "host" && { domainname: settings.Domainname }),
    mounts: mountsOf(request),
    ...(host.Annotations !== undefined && { annotations: host.Annotations }),
    linux: {
      namespaces: namespacesOf(request.namespaces),
      cgroupsPath: `${request.cgroupParent}/${request.id}`,
      resources: resourcesOf(host, request.devices),
      maskedPaths: host.Privileged ? [] : (host.MaskedPaths ?? MASKED_PATHS),
      readonlyPaths: host.Privileged ? [] : (host.ReadonlyPaths ?? READONLY_PATHS),
      ...(!isUnconfined && { seccomp: security.seccompProfile ?? defaultSeccomp(capabilities) }),
      ...(host.Sysctls !== undefined && Object.keys(host.Sysctls).length > 0 && { sysctl: host.Sysctls }),
      ...(request.devices.length > 0 && {
        devices: request.devices.map(({ path, type, major, minor, fileMode }) => ({
          path,
          type,
          major,
          minor,
          fileMode,
          uid: 0,
          gid: 0,
        })),
      }),
    },
  };
}

function processOf(
  request: DocumentRequest,
  capabilities: readonly string[],
): Omit<RuntimeProcess, "terminal"> {
  const { settings, host, user } = request;
  // A non-root user keeps the bounding set only, as Docker does: it gains capabilities by file capabilities and setuid.
  const own = user.uid === 0 ? capabilities : [];
  return {
    user: {
      uid: user.uid,
      gid: user.gid,
      ...(user.additionalGids.length > 0 && { additionalGids: user.additionalGids }),
    },
    args: [request.path, ...request.args],
    env: environmentOf(settings, request.hostname, user.home),
    cwd: settings.WorkingDir === "" ? "/" : settings.WorkingDir,
    capabilities: { bounding: capabilities, effective: own, permitted: own, inheritable: [], ambient: [] },
    ...(host.Ulimits !== null &&
      host.Ulimits.length > 0 && {
        rlimits: host.Ulimits.map(({ Name, Soft, Hard }) => ({
          type: `RLIMIT_${Name.toUpperCase()}`,
          soft: rlimit(Soft),
          hard: rlimit(Hard),
        })),
      }),
    ...(host.OomScoreAdj !== 0 && { oomScoreAdj: host.OomScoreAdj }),
  };
}

const rlimit = (value: number): number => (value < 0 ? Number.MAX_SAFE_INTEGER : value);

/** PATH, HOSTNAME, TERM and HOME come first; the settings' own win. A name without `=` removes. */
export function environmentOf(
  settings: Pick<ContainerSettings, "Env" | "Tty">,
  hostname: string,
  home: string,
): readonly string[] {
  const values = new Map<string, string>([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["HOSTNAME", hostname],
  ]);
  if (settings.Tty) values.set("TERM", "xterm");
  for (const entry of settings.Env) {
    const equals = entry.indexOf("=");
    if (equals > 0) values.set(entry.slice(0, equals), entry.slice(equals + 1));
    else values.delete(entry);
  }
  if (!values.has("HOME")) values.set("HOME", home);
  return [...values].map(([name, value]) => `${name}=${value}`);
}

function namespacesOf(wanted: DocumentRequest["namespaces"]): RuntimeDocument["linux"]["namespaces"] {
  const list = [{ type: "mount" }] as { type: string; path?: string }[];
  for (const type of ["network", "pid", "ipc", "uts", "cgroup"] as const) {
    const path = wanted[type];
    if (path === "host") continue;
    list.push(path === "" ? { type } : { type, path });
  }
  return list;
}

function mountsOf(request: DocumentRequest): readonly RuntimeMount[] {
  const { host, files, namespaces } = request;
  const sysIsWritable = host.Privileged;
  const standard: RuntimeMount[] = [
    { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    namespaces.network === "host" || namespaces.network.startsWith("/proc/")
      ? {
          destination: "/sys",
          type: "none",
          source: "/sys",
          options: ["rbind", "nosuid", "noexec", "nodev", sysIsWritable ? "rw" : "ro"],
        }
      : {
          destination: "/sys",
          type: "sysfs",
          source: "sysfs",
          options: ["nosuid", "noexec", "nodev", sysIsWritable ? "rw" : "ro"],
        },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [sysIsWritable ? "rw" : "ro", "nosuid", "noexec", "nodev", "relatime"],
    },
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  ];
  const shm: RuntimeMount =
    namespaces.ipc === "host"
      ? {
          destination: "/dev/shm",
          type: "bind",
          source: "/dev/shm",
          options: ["rbind", "nosuid", "noexec", "nodev"],
        }
      : {
          destination: "/dev/shm",
          type: "tmpfs",
          source: "shm",
          options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${host.ShmSize}`],
        };
  const generated = (
    [
      ["/etc/resolv.conf", files.resolvConf],
      ["/etc/hostname", files.hostname],
      ["/etc/hosts", files.hosts],
    ] as const
  ).flatMap(([destination, source]) =>
    source === undefined
      ? []
      : [
          {
            destination,
            type: "bind",
            source,
            options: ["rbind", "rprivate", ...(host.ReadonlyRootfs ? ["ro"] : [])],
          },
        ],
  );
  const own = new Set(request.mounts.map((mount) => mount.destination));
  return [...standard, shm, ...generated]
    .filter((mount) => !own.has(mount.destination))
    .concat(request.mounts);
}

/** Device rules that every container gets: nothing, then the harmless character devices, mknod of any. */
const DEVICE_RULES: NonNullable<RuntimeResources["devices"]> = [
  { allow: false, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 5, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 3, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 9, access: "rwm" },
  { allow: true, type: "c", major: 1, minor: 8, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 0, access: "rwm" },
  { allow: true, type: "c", major: 5, minor: 1, access: "rwm" },
  { allow: false, type: "c", major: 10, minor: 229, access: "rwm" },
];

/** Limits as the OCI document wants them; also used to update a running container. */
export function resourcesOf(host: HostSettings, devices: readonly DeviceNode[]): RuntimeResources {
  const quota = host.NanoCpus > 0 ? Math.round(host.NanoCpus / 10_000) : host.CpuQuota;
  const period = host.NanoCpus > 0 ? 100_000 : host.CpuPeriod;
  const memory = {
    ...(host.Memory > 0 && { limit: host.Memory }),
    ...(host.MemoryReservation > 0 && { reservation: host.MemoryReservation }),
    ...swapOf(host),
    ...(host.MemorySwappiness !== null &&
      host.MemorySwappiness >= 0 && { swappiness: host.MemorySwappiness }),
    ...(host.OomKillDisable === true && { disableOOMKiller: true }),
  };
  const cpu = {
    ...(host.CpuShares > 0 && { shares: host.CpuShares }),
    ...(quota !== 0 && { quota }),
    ...(period > 0 && { period }),
    ...(host.CpusetCpus !== "" && { cpus: host.CpusetCpus }),
    ...(host.CpusetMems !== "" && { mems: host.CpusetMems }),
    ...(host.CpuRealtimePeriod > 0 && { realtimePeriod: host.CpuRealtimePeriod }),
    ...(host.CpuRealtimeRuntime > 0 && { realtimeRuntime: host.CpuRealtimeRuntime }),
  };
  const deviceRules = host.Privileged
    ? [{ allow: true, access: "rwm" }]
    : [
        ...DEVICE_RULES,
        ...devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access })),
        ...(host.DeviceCgroupRules ?? []).map(parseDeviceRule),
      ];
  return {
    devices: deviceRules,
    ...(Object.keys(memory).length > 0 && { memory }),
    ...(Object.keys(cpu).length > 0 && { cpu }),
    ...(host.PidsLimit !== null && host.PidsLimit !== 0 && { pids: { limit: host.PidsLimit } }),
    ...(host.BlkioWeight > 0 && { blockIO: { weight: host.BlkioWeight } }),
  };
}

/** Docker's rule: a memory limit without a swap limit means as much swap again; -1 means unlimited. */
function swapOf(host: HostSettings): { swap?: number } {
  if (host.MemorySwap !== 0) return { swap: host.MemorySwap };
  return host.Memory > 0 ? { swap: host.Memory * 2 } : {};
}

function parseDeviceRule(rule: string): NonNullable<RuntimeResources["devices"]>[number] {
  const [type = "a", numbers = "*:*", access = "rwm"] = rule.split(" ");
  const [major = "*", minor = "*"] = numbers.split(":");
  return {
    allow: true,
    type,
    ...(major !== "*" && { major: Number(major) }),
    ...(minor !== "*" && { minor: Number(minor) }),
    access,
  };
}

/** `--security-opt` entries, `key=value` or `key:value`. */
export function parseSecurityOptions(options: readonly string[]): {
  isNoNewPrivileges: boolean;
  seccomp: string;
  seccompProfile?: object;
} {
  let isNoNewPrivileges = false;
  let seccomp = "";
  let seccompProfile: object | undefined;
  for (const option of options) {
    if (option === "no-new-privileges") isNoNewPrivileges = true;
    const [, key = "", value = ""] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [];
    if (key === "no-new-privileges") isNoNewPrivileges = value !== "false";
    if (key === "seccomp") {
      if (value === "unconfined") seccomp = value;
      else if (value !== "" && value !== "builtin") seccompProfile = JSON.parse(value) as object;
    }
  }
  return { isNoNewPrivileges, seccomp, ...(seccompProfile !== undefined && { seccompProfile }) };
}
