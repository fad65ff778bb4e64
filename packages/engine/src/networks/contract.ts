export interface IpamPool {
  readonly subnet: string;
  readonly gateway?: string;
  readonly ipRange?: string;
  readonly auxAddresses?: Readonly<Record<string, string>>;
}

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly scope: "local";
  readonly createdAt: string;
  readonly isInternal: boolean;
  readonly isAttachable: boolean;
  readonly hasIpv6: boolean;
  readonly hasIpv4: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  readonly ipam: {
    readonly driver: string;
    readonly options: Readonly<Record<string, string>>;
    readonly pools: readonly IpamPool[];
  };
}

/** What a container wants of one network. */
export interface EndpointSpec {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly aliases: readonly string[];
  readonly links?: readonly string[];
  readonly ipv4?: string;
  readonly ipv6?: string;
  readonly macAddress?: string;
  /** The highest of a sandbox's endpoints gives the default routes; 0 if absent. */
  readonly gatewayPriority?: number;
  readonly driverOptions?: Readonly<Record<string, string>>;
}

export interface Endpoint {
  readonly networkId: string;
  readonly networkName: string;
  readonly endpointId: string;
  readonly containerId: string;
  readonly macAddress: string;
  readonly ipv4?: string;
  readonly ipv4PrefixLength?: number;
  readonly gateway?: string;
  readonly ipv6?: string;
  readonly ipv6PrefixLength?: number;
  readonly ipv6Gateway?: string;
  readonly aliases: readonly string[];
  readonly dnsNames: readonly string[];
}

/** A port to publish. hostPort 0 = choose an ephemeral one; a range [first, last] = first free of it. */
export interface PortSpec {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  /** Empty = all IPv4 and IPv6 addresses. */
  readonly hostAddress: string;
  readonly hostPort: number;
  readonly hostPortLast?: number;
}
export interface PublishedPort {
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp" | "sctp";
  readonly hostAddress: string;
  readonly hostPort: number;
}

export interface DnsSpec {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

/** A container's network namespace with its endpoints; made before its process starts, kept while it runs, adopted after a restart. */
export interface Sandbox {
  readonly containerId: string;
  /** For the runtime document: path of the pinned namespace (STATE_ROOT/containers/ID/netns). */
  readonly path: string;
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly PublishedPort[];
  /** The nameserver lines for its resolv.conf: 127.0.0.11 on user-defined networks, and where the host's servers are all on its loopback; else the host's. It may change at `connect`. */
  readonly resolvConf: string;
}

export interface Networks extends AsyncDisposable {
  /** By exact id, exact name, unique id prefix. Throws `not_found` `network NAME not found`, `invalid` when ambiguous. */
  get(name: string): Network;
  list(): readonly Network[];
  create(
    spec: {
      name: string;
      driver?: string;
      isInternal?: boolean;
      isAttachable?: boolean;
      hasIpv6?: boolean;
      hasIpv4?: boolean;
      labels?: Readonly<Record<string, string>>;
      options?: Readonly<Record<string, string>>;
      ipam?: { driver?: string; options?: Readonly<Record<string, string>>; pools?: readonly IpamPool[] };
    },
    signal: AbortSignal,
  ): Promise<{ network: Network; warning: string }>;
  /** Throws `forbidden` for predefined networks and `network NAME has active endpoints (name:"x" id:"y")`. */
  remove(name: string): Promise<void>;
  prune(matches: (network: Network) => boolean): Promise<readonly string[]>;
  /** Endpoints now on a network. */
  endpoints(networkId: string): readonly Endpoint[];
  /** A container on these will open its sandbox soon: what that needs may begin meanwhile. Unknown networks are ignored. */
  expect(networks: readonly string[]): void;
  /**
   * Namespace, endpoints, addresses, routes, DNS, published ports: all or nothing.
   * `bridge` `host` `none` `container:` are decided by the caller: host and container: never come here; none has no endpoints (loopback only).
   * Port taken: `internal` with Docker's text `driver failed programming external connectivity on endpoint NAME (ID): ...`; a port of ours ends in `port is already allocated (by container "NAME")`.
   */
  open(
    spec: {
      containerId: string;
      endpoints: readonly { network: string; spec: EndpointSpec }[];
      ports: readonly PortSpec[];
      dns: DnsSpec;
      sysctls?: Readonly<Record<string, string>>;
    },
    signal: AbortSignal,
  ): Promise<Sandbox>;
  /** Answers warnings about an endpoint that is wanted, also on a network that is not there yet. Throws `invalid` for what can't be. */
  check(
    network: string,
    spec: Pick<EndpointSpec, "ipv4" | "ipv6" | "macAddress" | "aliases" | "driverOptions">,
  ): readonly string[];
  /** Tears a sandbox down; absent is success. */
  close(containerId: string): Promise<void>;
  /** Adds or removes an endpoint of a running container. */
  connect(containerId: string, network: string, spec: EndpointSpec, signal: AbortSignal): Promise<Endpoint>;
  disconnect(containerId: string, network: string): Promise<void>;
  sandbox(containerId: string): Sandbox | undefined;
  /** After rename: names in DNS follow. */
  rename(containerId: string, newName: string): void;
  /** At start: keep the sandboxes of `running`, tear down every other one, rebuild nft tables, re-open DNS sockets and port holds. */
  adopt(running: ReadonlySet<string>): Promise<void>;
  /** Rx/tx counters per interface name as in the container (eth0). */
  counters(containerId: string): Promise<
    Readonly<
      Record<
        string,
        {
          rxBytes: number;
          rxPackets: number;
          rxErrors: number;
          rxDropped: number;
          txBytes: number;
          txPackets: number;
          txErrors: number;
          txDropped: number;
        }
      >
    >
  >;
}
