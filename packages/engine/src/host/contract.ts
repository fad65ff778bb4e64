/** An address with its network's length; IPv4 or IPv6. */
export interface Subnet {
  readonly address: string;
  readonly prefixLength: number;
}

/** One interface of a sandbox: `hostName` is its end on the bridge, `name` its end inside. */
export interface Plug {
  readonly hostName: string;
  readonly name: string;
  readonly bridge: string;
  readonly macAddress: string;
  readonly mtu: number;
  readonly addresses: readonly Subnet[];
  readonly isIsolated: boolean;
  /** Kernel settings of the interface, set when it is there. ENOENT: no such setting. EINVAL: no name of one. */
  readonly sysctls?: Readonly<Record<string, string>>;
}

/** Open descriptors, bound in the sandbox; the caller closes them or gives them to whoever does. */
export interface DnsSockets {
  readonly udp: { readonly fd: number; readonly port: number };
  readonly tcp: { readonly fd: number; readonly port: number };
}

export interface HostBridge {
  readonly name: string;
  readonly alias: string;
  readonly isUp: boolean;
}

export interface LinkCounters {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** One element of an nftables set or map: each part of its key (and, for maps, of its value) takes four bytes or a multiple of them. */
export interface NftElement {
  readonly set: string;
  readonly key: readonly NftPart[];
  readonly value?: readonly NftPart[];
}
export type NftPart =
  | { readonly kind: "address"; readonly value: string }
  | { readonly kind: "protocol"; readonly value: "tcp" | "udp" | "sctp" }
  | { readonly kind: "port"; readonly value: number }
  | { readonly kind: "interface"; readonly value: string };

/**
 * Links, sandboxes (network namespaces pinned at a file) and elements of nftables' sets. A sandbox is whole or not there.
 * Every call throws an error whose `code` is the errno's name. Source: rtnetlink(7), network_namespaces(7), nft(8).
 */
export interface NetworkKernel {
  /** Makes the sandbox pinned at `file` with everything in it, in the place of one that is pinned there; on failure nothing is left. ENODEV: no such bridge. EEXIST: a host name is taken. ENETUNREACH: a gateway is on none of its networks. */
  buildSandbox(spec: {
    readonly file: string;
    readonly plugs: readonly Plug[];
    readonly gateways: readonly string[];
    readonly sysctls: Readonly<Record<string, string>>;
    readonly dnsAddress?: string;
  }): DnsSockets | undefined;
  /** Its ends leave their bridges at once, the pin goes, the kernel ends the rest when the last process and socket do. Absent is success. */
  dropSandbox(file: string, hostNames: readonly string[]): void;
  /** Sockets for DNS in an existing sandbox. ENOENT: no such sandbox. */
  openDnsSockets(file: string, address: string): DnsSockets;
  /** Adds an interface to an existing sandbox; on failure nothing is left. ENOENT: no such sandbox. ENODEV: no such bridge. EEXIST: a name is taken. */
  plug(file: string, plug: Plug): void;
  /** Takes an interface out; absent is success. ENOENT: no such sandbox. */
  unplug(file: string, name: string, hostName: string): void;
  /** Replaces default routes of a sandbox: to remove what is not there, and to add what is, is success. */
  reroute(file: string, remove: readonly string[], add: readonly string[]): void;
  /** Counters of every interface but loopback, by name. ENOENT: no such sandbox. */
  counters(file: string): Record<string, LinkCounters>;
  /** Makes a bridge, or completes one of that name and alias. EEXIST: the name is someone else's. */
  ensureBridge(spec: {
    readonly name: string;
    readonly alias: string;
    readonly macAddress: string;
    readonly mtu: number;
    readonly addresses: readonly Subnet[];
  }): void;
  /** Removes a link of the host, and the other end of a pair with it; absent is success. */
  removeLink(name: string): void;
  listBridges(): HostBridge[];
  /** Address ranges in use on the host, those of `exceptLinks` left out. */
  listSubnets(exceptLinks: readonly string[]): Subnet[];
  /** Removes, then adds, in one transaction (one for each, where an element to remove is gone). An element that is there, or gone, already is success. ENOENT: no such table or set. EEXIST: a map has another value under this key. */
  changeElements(table: string, add: readonly NftElement[], remove: readonly NftElement[]): void;
  /** Removes a whole table of the inet family; absent is success. */
  removeTable(table: string): void;
  /** Tables (family and name) whose forward chains drop packets that no rule of theirs accepts. */
  listForwardDrops(): string[];
  /** Forgets tracked UDP flows to one of `hostPorts` or answered by one of `addresses`. */
  forgetUdpFlows(hostPorts: readonly number[], addresses: readonly string[]): void;
  /** Paths NAME/netns under `folder` where a pin lies or was to lie; none where there is no such folder. */
  listPins(folder: string): string[];
  /** True when a namespace is pinned at `file`. */
  isPinned(file: string): boolean;
  /** Sets a kernel setting of the host when it has another value; false when it can't be written. EINVAL: no name of a setting. */
  setHostSysctl(name: string, value: string): boolean;
}

/**
 * The same in a thread of its own: promises instead of values, and calls take effect in their order. It begins with the first call that
 * enters a sandbox; until then the caller's thread does the others itself. After dispose every call rejects.
 */
export type NetworkThread = AsyncDisposable & {
  /** A sandbox will be made soon: the thread may begin meanwhile. */
  readonly expect: () => void;
} & {
  readonly [N in keyof NetworkKernel]: (
    ...given: Parameters<NetworkKernel[N]>
  ) => Promise<ReturnType<NetworkKernel[N]>>;
};

/** Replaces whole nftables tables in one transaction; `script` is nft's own text. Throws `internal` with nft's words, `unavailable` when nft is missing. */
export type LoadRules = (script: string, signal: AbortSignal) => Promise<void>;

/** What lies mounted where, for the rooms above; overlays and private roots are made by functions of their own. Source: mount(2), umount2(2), proc(5). */
export interface Mounts {
  /** An empty tmpfs for all to write, as shared memory is. Throws ENOENT without the folder. */
  mountTmpfs(target: string, sizeBytes: number): void;
  /** Unmounts the topmost at `target`, lazily; nothing mounted there, or no such place, is success. */
  unmount(target: string): void;
  /** Mounts as mount(8) does. Throws `internal` with mount's words. */
  mountDevice(
    what: {
      readonly device: string;
      readonly type: string;
      readonly options: string;
      readonly target: string;
    },
    signal: AbortSignal,
  ): Promise<void>;
  /** Unmounts the topmost at `target`; where it is busy, as soon as it no longer is. Throws `internal` when nothing is mounted there. */
  unmountDevice(target: string, signal: AbortSignal): Promise<void>;
  /** True when something is mounted exactly on `target`, by whatever link one gets there. Throws ENOENT without it. */
  isMountPoint(target: string): Promise<boolean>;
}

export interface CgroupStats {
  readonly memory: {
    readonly usageBytes: number;
    readonly maxUsageBytes?: number;
    readonly limitBytes?: number;
    readonly failures: number;
    /** memory.stat as the kernel words it. */
    readonly stat: Readonly<Record<string, number>>;
  };
  readonly cpu: {
    readonly usageNano: number;
    readonly userNano: number;
    readonly systemNano: number;
    readonly perCpuNano?: readonly number[];
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledNano: number;
  };
  readonly pids: { readonly current: number; readonly limit?: number };
  readonly blockIo: readonly {
    readonly major: number;
    readonly minor: number;
    readonly operation: "read" | "write";
    readonly bytes: number;
    readonly count: number;
  }[];
}

/** Control groups by their path below the root of each hierarchy; v1 and v2 look alike from here. Source: cgroups(7). */
export interface Cgroups {
  /** What a container uses now; undefined when its cgroup is gone. */
  stats(cgroupsPath: string): CgroupStats | undefined;
  /** How many processes of the cgroup the kernel killed for lack of memory; 0 when it is gone. */
  oomKillCount(cgroupsPath: string): number;
  /** Host pids of every process in the cgroup and those below it; none when it is gone. */
  pids(cgroupsPath: string): readonly number[];
  /** Stops (or continues) every process of the cgroup; the kernel may need a moment. False when there is no such cgroup. */
  setFrozen(cgroupsPath: string, isFrozen: boolean): boolean;
  /** Removes an empty cgroup, and those below it; gone already is success. False when one stays, since processes are in it. */
  remove(cgroupsPath: string): boolean;
}
