/**
 * The Docker Engine API's wire types, as far as the window and the client read them. Source: Docker Engine API 1.24 to 1.51.
 * Fields that older engines leave out are optional. Names are Docker's.
 */

/** One published or exposed port of a list row. */
export interface PortSummary {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

export interface MountPoint {
  readonly Type: string;
  readonly Name?: string;
  readonly Source: string;
  readonly Destination: string;
  readonly Driver?: string;
  readonly Mode?: string;
  readonly RW: boolean;
}

export interface ContainerSummary {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Image: string;
  readonly ImageID: string;
  readonly Command: string;
  /** Unix seconds. */
  readonly Created: number;
  readonly State: string;
  readonly Status: string;
  readonly Ports: readonly PortSummary[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly Mounts?: readonly MountPoint[];
  readonly NetworkSettings?: { readonly Networks: Readonly<Record<string, EndpointSettings>> };
}

export interface EndpointSettings {
  readonly NetworkID?: string;
  readonly IPAddress?: string;
  readonly Gateway?: string;
  readonly MacAddress?: string;
  readonly Aliases?: readonly string[] | null;
}

export interface HealthState {
  readonly Status: string;
  readonly FailingStreak?: number;
  readonly Log?:
    | readonly { readonly Start: string; readonly ExitCode: number; readonly Output: string }[]
    | null;
}

export interface ContainerState {
  readonly Status: string;
  readonly Running: boolean;
  readonly Paused: boolean;
  readonly Restarting: boolean;
  readonly OOMKilled: boolean;
  readonly Dead: boolean;
  readonly Pid: number;
  readonly ExitCode: number;
  readonly Error: string;
  readonly StartedAt: string;
  readonly FinishedAt: string;
  readonly Health?: HealthState;
}

export interface PortBinding {
  readonly HostIp?: string;
  readonly HostPort?: string;
}

export interface HostConfig {
  readonly Binds?: readonly string[] | null;
  readonly NetworkMode?: string;
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[] | null>> | null;
  readonly RestartPolicy?: { readonly Name: string; readonly MaximumRetryCount?: number };
  readonly AutoRemove?: boolean;
  readonly Memory?: number;
  readonly NanoCpus?: number;
  readonly ReadonlyRootfs?: boolean;
  readonly Privileged?: boolean;
  readonly CapAdd?: readonly string[] | null;
  readonly CapDrop?: readonly string[] | null;
}

export interface ContainerConfig {
  readonly Hostname?: string;
  readonly User?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly StdinOnce?: boolean;
  readonly Env?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | string | null;
  readonly Image?: string;
  readonly WorkingDir?: string;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Volumes?: Readonly<Record<string, object>> | null;
  readonly StopSignal?: string;
}

export interface ContainerInspect {
  readonly Id: string;
  readonly Created: string;
  readonly Path: string;
  readonly Args: readonly string[];
  readonly State: ContainerState;
  readonly Image: string;
  readonly Name: string;
  readonly RestartCount: number;
  readonly Driver: string;
  readonly Platform?: string;
  readonly SizeRw?: number;
  readonly SizeRootFs?: number;
  readonly HostConfig: HostConfig;
  readonly Config: ContainerConfig;
  readonly Mounts: readonly MountPoint[];
  readonly NetworkSettings: {
    readonly Ports?: Readonly<Record<string, readonly PortBinding[] | null>> | null;
    readonly Networks?: Readonly<Record<string, EndpointSettings>> | null;
  };
}

/** Body of `POST /containers/create`. */
export interface CreateContainerRequest extends ContainerConfig {
  readonly HostConfig?: HostConfig;
  readonly NetworkingConfig?: { readonly EndpointsConfig?: Readonly<Record<string, EndpointSettings>> };
}

export interface CreatedContainer {
  readonly Id: string;
  readonly Warnings: readonly string[] | null;
}

export interface ContainerChange {
  readonly Path: string;
  /** 0 modified, 1 added, 2 deleted. */
  readonly Kind: 0 | 1 | 2;
}

export interface ProcessList {
  readonly Titles: readonly string[];
  readonly Processes: readonly (readonly string[])[];
}

export interface ContainerStats {
  readonly read: string;
  readonly cpu_stats: CpuStats;
  readonly precpu_stats: CpuStats;
  readonly memory_stats: {
    readonly usage?: number;
    readonly limit?: number;
    readonly stats?: Readonly<Record<string, number>>;
  };
  readonly networks?: Readonly<Record<string, { readonly rx_bytes: number; readonly tx_bytes: number }>>;
  readonly pids_stats?: { readonly current?: number };
}

export interface CpuStats {
  readonly cpu_usage: { readonly total_usage: number; readonly percpu_usage?: readonly number[] | null };
  readonly system_cpu_usage?: number;
  readonly online_cpus?: number;
}

export interface ExecInspect {
  readonly ID: string;
  readonly Running: boolean;
  readonly ExitCode: number | null;
  readonly Pid: number;
}

/** Body of `POST /containers/{id}/exec`. */
export interface CreateExecRequest {
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly Tty?: boolean;
  readonly Cmd: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly DetachKeys?: string;
  /** Rows, then columns. Since API 1.42. */
  readonly ConsoleSize?: readonly [number, number];
}

export interface ImageSummary {
  readonly Id: string;
  readonly ParentId?: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  /** Unix seconds. */
  readonly Created: number;
  readonly Size: number;
  readonly SharedSize?: number;
  readonly Containers?: number;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

export interface ImageInspect {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  readonly Created?: string;
  readonly Author?: string;
  readonly Comment?: string;
  readonly Architecture: string;
  readonly Os: string;
  readonly Variant?: string;
  readonly Size: number;
  readonly Config?: ContainerConfig | null;
  readonly RootFS?: { readonly Type: string; readonly Layers?: readonly string[] | null };
}

export interface ImageHistoryItem {
  readonly Id: string;
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Tags: readonly string[] | null;
  readonly Size: number;
  readonly Comment: string;
}

export interface ImageDeleteItem {
  readonly Untagged?: string;
  readonly Deleted?: string;
}

export interface Volume {
  readonly Name: string;
  readonly Driver: string;
  readonly Mountpoint: string;
  readonly CreatedAt?: string;
  readonly Labels: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Scope: string;
  readonly UsageData?: { readonly Size: number; readonly RefCount: number } | null;
}

export interface VolumeList {
  readonly Volumes: readonly Volume[] | null;
  readonly Warnings: readonly string[] | null;
}

export interface CreateVolumeRequest {
  readonly Name?: string;
  readonly Driver?: string;
  readonly Labels?: Readonly<Record<string, string>>;
  readonly DriverOpts?: Readonly<Record<string, string>>;
}

export interface NetworkIpamConfig {
  readonly Subnet?: string;
  readonly Gateway?: string;
  readonly IPRange?: string;
}

export interface Network {
  readonly Name: string;
  readonly Id: string;
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly Internal: boolean;
  readonly EnableIPv6?: boolean;
  readonly IPAM?: { readonly Driver?: string; readonly Config?: readonly NetworkIpamConfig[] | null };
  readonly Containers?: Readonly<
    Record<string, { readonly Name: string; readonly IPv4Address: string; readonly MacAddress?: string }>
  > | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly Labels?: Readonly<Record<string, string>> | null;
}

export interface CreateNetworkRequest {
  readonly Name: string;
  readonly Driver?: string;
  readonly Internal?: boolean;
  readonly IPAM?: { readonly Config?: readonly NetworkIpamConfig[] };
  readonly Labels?: Readonly<Record<string, string>>;
}

export interface EngineEvent {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes?: Readonly<Record<string, string>> };
  /** Unix seconds. */
  readonly time: number;
  readonly timeNano?: number;
}

export interface EngineInfo {
  readonly ID?: string;
  readonly Name: string;
  readonly ServerVersion: string;
  readonly OperatingSystem: string;
  readonly KernelVersion: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Containers: number;
  readonly ContainersRunning: number;
  readonly Images: number;
  readonly Driver: string;
  readonly DockerRootDir: string;
  readonly CgroupVersion?: string;
  readonly Warnings?: readonly string[] | null;
}

export interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
  readonly MinAPIVersion?: string;
  readonly Os: string;
  readonly Arch: string;
  readonly Components?: readonly { readonly Name: string; readonly Version: string }[];
}

/** One line of a pull, push, load or build. */
export interface ProgressLine {
  readonly id?: string;
  readonly status?: string;
  readonly stream?: string;
  readonly progress?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
  readonly error?: string;
  readonly errorDetail?: { readonly message: string; readonly code?: number };
  readonly aux?: unknown;
}

/** What `HEAD /containers/{id}/archive` tells of one path. `mode` is Go's: the type in the high bits. */
export interface ArchiveStat {
  readonly name: string;
  readonly size: number;
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}
