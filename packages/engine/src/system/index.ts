import os from "node:os";
import { readFile } from "node:fs/promises";
import type { Clock, Logger } from "#kernel";
import type { Containers, HostFacts } from "#containers";
import type { Events } from "#events";
import type { Images } from "#images";
import type { Layers } from "#layers";
import { REMOTE_LOG_DRIVERS } from "#logs";
import { HOST_PLATFORM } from "#spec";
import type { Volumes } from "#volumes";
import type { DiskSpace, EngineIdentity, System, TrashSettings } from "./contract.ts";
import { measure } from "./disk-usage.ts";
import { hostInfo } from "./host-info.ts";
import { kernelInfo } from "./kernel-info.ts";
import { diskSpace, openReclaim } from "./reclaim/reclaim.ts";
import { TrashRoom } from "./trash/trash.ts";

export type * from "./contract.ts";
export { trashSettings } from "./trash/settings.ts";

export interface SystemDeps {
  readonly containers: Containers;
  readonly images: Images;
  readonly layers: Layers;
  readonly volumes: Volumes;
  readonly events: Events;
  readonly clock: Clock;
  readonly log: Logger;
  readonly facts: Pick<HostFacts, "kernelLimits" | "isCgroupV2" | "initPath">;
  readonly trash: TrashSettings;
  readonly identity: EngineIdentity;
  /** Instead of asking the data root's file system. */
  readonly space?: () => Promise<DiskSpace>;
  readonly starter: { readonly reference: string; readonly file: string };
}

/** Opens the room that knows the whole engine. Holds the watch of the trash, while there is something in it. */
export function openSystem(deps: SystemDeps): System {
  const { identity } = deps;
  const space = deps.space ?? (() => diskSpace(identity.dataRoot));
  const reclaim = openReclaim(deps, space);
  const trash = new TrashRoom(deps, reclaim, space);
  return {
    starter: deps.starter,
    reclaim,
    trash,
    [Symbol.asyncDispose]: () => trash[Symbol.asyncDispose](),
    version: (apiVersion, minimum) => ({
      Platform: { Name: "Longshore" },
      Components: [
        {
          Name: "Engine",
          Version: identity.version,
          Details: {
            ApiVersion: apiVersion,
            MinAPIVersion: minimum,
            Arch: HOST_PLATFORM.architecture,
            Os: "linux",
            KernelVersion: os.release(),
            NodeVersion: process.version,
            Experimental: "false",
          },
        },
        { Name: identity.runtimeName, Version: identity.runtimeVersion, Details: {} },
      ],
      Version: identity.version,
      ApiVersion: apiVersion,
      MinAPIVersion: minimum,
      GitCommit: "",
      GoVersion: "",
      Os: "linux",
      Arch: HOST_PLATFORM.architecture,
      KernelVersion: os.release(),
      BuildTime: "",
    }),
    info: () => info(deps),
    diskUsage: (types, signal) => measure(deps, types, signal),
  };
}

async function osName(): Promise<{ name: string; version: string }> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  return { name: field("PRETTY_NAME"), version: field("VERSION_ID") };
}

async function info(deps: SystemDeps): Promise<Readonly<Record<string, unknown>>> {
  const { identity, containers, images, layers } = deps;
  const counts = { running: 0, paused: 0, stopped: 0 };
  for (const { state } of containers.list()) {
    if (state.status === "running" || state.status === "restarting") counts.running++;
    else if (state.status === "paused") counts.paused++;
    else counts.stopped++;
  }
  const [system, host, forwarding] = await Promise.all([
    osName(),
    hostInfo(identity.dataRoot, deps.facts.initPath),
    readFile("/proc/sys/net/ipv4/ip_forward", "utf8").catch(() => ""),
  ]);
  const kernel = kernelInfo({
    limits: deps.facts.kernelLimits,
    isCgroupV2: deps.facts.isCgroupV2,
    isForwarding: forwarding.trim() === "1",
  });
  return {
    ID: identity.id,
    Containers: containers.list().length,
    ContainersRunning: counts.running,
    ContainersPaused: counts.paused,
    ContainersStopped: counts.stopped,
    Images: images.list().length,
    Driver: layers.driver,
    ...host,
    Plugins: {
      Volume: ["local"],
      Network: ["bridge", "host", "null"],
      Authorization: identity.authorizationPlugins.length === 0 ? null : identity.authorizationPlugins,
      Log: ["json-file", "local", "none", ...REMOTE_LOG_DRIVERS],
    },
    ...kernel.fields,
    Debug: false,
    NGoroutines: 0,
    SystemTime: deps.clock.now().toISOString(),
    LoggingDriver: "json-file",
    CgroupDriver: "cgroupfs",
    NEventsListener: deps.events.listeners,
    KernelVersion: os.release(),
    OperatingSystem: system.name,
    OSVersion: system.version,
    OSType: "linux",
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: {
      InsecureRegistryCIDRs: [
        "127.0.0.0/8",
        "::1/128",
        ...identity.insecureRegistries.filter((entry) => entry.includes("/")),
      ],
      IndexConfigs: {
        "docker.io": { Name: "docker.io", Mirrors: identity.mirrors, Secure: true, Official: true },
        ...Object.fromEntries(
          identity.insecureRegistries
            .filter((entry) => !entry.includes("/"))
            .map((name) => [name, { Name: name, Mirrors: [], Secure: false, Official: false }]),
        ),
      },
      Mirrors: identity.mirrors,
    },
    NCPU: os.cpus().length,
    MemTotal: os.totalmem(),
    GenericResources: null,
    DockerRootDir: identity.dataRoot,
    HttpProxy: identity.proxies.http,
    HttpsProxy: identity.proxies.https,
    NoProxy: identity.proxies.no,
    Name: os.hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: identity.version,
    Runtimes: { [identity.runtimeName]: { path: identity.runtimeName } },
    DefaultRuntime: identity.runtimeName,
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: "",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: identity.runtimeVersion },
    InitCommit: { ID: "" },
    SecurityOptions: ["name=seccomp,profile=builtin"],
    Warnings: [...identity.warnings, ...kernel.warnings],
  };
}
