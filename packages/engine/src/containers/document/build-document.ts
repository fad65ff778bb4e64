import type { RuntimeDocument, RuntimeMount, RuntimeProcess } from "#spec";
import type { ContainerSettings, HostSettings } from "../settings.ts";
import { capabilitySet } from "./capabilities.ts";
import { MASKED_PATHS, READONLY_PATHS } from "./paths.ts";
import { type DeviceNumbers, resourcesOf } from "./resources.ts";
import { defaultSeccomp } from "./seccomp.ts";
import { parseSecurityOptions } from "./security-options.ts";
import { hasInit, INIT_IN_CONTAINER, standardMounts } from "./standard-mounts.ts";
import { withSystemMounts } from "./system-container.ts";
import { grantUlimits, rlimitOf } from "./ulimits.ts";

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
  /** Variables that tell of its links. */
  readonly linkedEnvironment: readonly string[];
  /** Paths of namespaces to join; absent type = a new one; "host" = none. */
  readonly namespaces: {
    readonly network: string;
    readonly pid: string;
    readonly ipc: string;
    readonly uts: string;
    readonly cgroup: string;
  };
  readonly devices: readonly DeviceNode[];
  /** Numbers of the block devices that limits name. */
  readonly blockDevices: DeviceNumbers;
  /** What the engine itself may: upper bound of capabilities and rlimits. */
  readonly held: ReadonlySet<string>;
  readonly hardLimits: ReadonlyMap<string, number>;
  /** Host folder of shared memory that several containers have. */
  readonly shmFolder?: string;
  /** Static init program of the host, for `--init`. */
  readonly initPath?: string;
  readonly hasAppArmor: boolean;
  readonly isCgroupV2: boolean;
  readonly isCgroupDelegated: boolean;
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
      ...appArmorOf(request, security.appArmor),
    },
    root: { path: "rootfs", readonly: host.ReadonlyRootfs },
    ...(request.namespaces.uts !== "host" && { hostname: request.hostname }),
    ...(settings.Domainname !== "" &&
      request.namespaces.uts !== "host" && { domainname: settings.Domainname }),
    mounts: mountsOf(request),
    ...(host.Annotations !== undefined && { annotations: host.Annotations }),
    linux: {
      ...propagationOf(request.mounts),
      namespaces: namespacesOf(request.namespaces),
      cgroupsPath: `${request.cgroupParent}/${request.id}`,
      resources: resourcesOf(host, request.devices, request.blockDevices),
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
  const { ulimits } = grantUlimits(host.Ulimits ?? [], request.held, request.hardLimits);
  return {
    user: {
      uid: user.uid,
      gid: user.gid,
      ...(user.additionalGids.length > 0 && { additionalGids: user.additionalGids }),
    },
    args: [...(hasInit(request) ? [INIT_IN_CONTAINER, "--"] : []), request.path, ...request.args],
    env: environmentOf(settings, request.hostname, user.home, request.linkedEnvironment),
    cwd: settings.WorkingDir === "" ? "/" : settings.WorkingDir,
    capabilities: { bounding: capabilities, effective: own, permitted: own, inheritable: [], ambient: [] },
    ...(ulimits.length > 0 && { rlimits: ulimits.map(rlimitOf) }),
    ...(host.OomScoreAdj !== 0 && { oomScoreAdj: host.OomScoreAdj }),
  };
}

/** PATH, HOSTNAME, TERM and HOME come first, then what is told of links; the settings' own win. A name without `=` removes. */
export function environmentOf(
  settings: Pick<ContainerSettings, "Env" | "Tty">,
  hostname: string,
  home: string,
  linked: readonly string[],
): readonly string[] {
  const values = new Map<string, string>([
    ["PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
    ["HOSTNAME", hostname],
  ]);
  if (settings.Tty) values.set("TERM", "xterm");
  for (const entry of [...linked, ...settings.Env]) {
    const equals = entry.indexOf("=");
    if (equals > 0) values.set(entry.slice(0, equals), entry.slice(equals + 1));
    else values.delete(entry);
  }
  if (!values.has("HOME")) values.set("HOME", home);
  return [...values].map(([name, value]) => `${name}=${value}`);
}

/** The profile that was asked for, where the host has profiles. A privileged container has none of its own accord. */
function appArmorOf(
  { hasAppArmor }: DocumentRequest,
  profile: string | undefined,
): { readonly apparmorProfile?: string } {
  return hasAppArmor && profile !== undefined && profile !== "" ? { apparmorProfile: profile } : {};
}

/** The root lets mounts through where one of its mounts does: below a private one none could. Source: mount_namespaces(7). */
function propagationOf(mounts: readonly RuntimeMount[]): { readonly rootfsPropagation?: string } {
  const has = (kind: string): boolean =>
    mounts.some(({ options }) => options.includes(kind) || options.includes(`r${kind}`));
  if (has("shared")) return { rootfsPropagation: "shared" };
  return has("slave") ? { rootfsPropagation: "rslave" } : {};
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
  const own = new Set(request.mounts.map((mount) => mount.destination));
  return standardMounts(request)
    .filter((mount) => !own.has(mount.destination))
    .concat(withSystemMounts(request));
}
