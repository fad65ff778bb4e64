import type { Container, ContainerLive, MountPoint } from "#containers";
import type { Endpoint, PublishedPort } from "#networks";

/** What the answers need beside the record. */
export interface InspectContext {
  readonly live: ContainerLive;
  readonly driver: string;
  readonly networkId: (name: string) => string;
  /** A container's name, or its id where it is gone. */
  readonly nameOf: (id: string) => string;
}

/** GET /containers/ID/json. Source: Docker Engine API 1.51, ContainerInspectResponse. */
export function inspectContainer(
  container: Container,
  context: InspectContext,
  minor: number,
  sizes?: { writableBytes: number; rootBytes: number },
): object {
  const { live } = context;
  const { root } = live;
  const { state, settings, host } = container;
  return {
    Id: container.id,
    Created: container.createdAt,
    Path: container.path,
    Args: container.args,
    State: stateOf(container),
    Image: container.imageId,
    ResolvConfPath: `${live.directory}/resolv.conf`,
    HostnamePath: `${live.directory}/hostname`,
    HostsPath: `${live.directory}/hosts`,
    LogPath: `${live.directory}/log/data`,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: context.driver,
    Platform: container.platform,
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: live.execIds.length > 0 ? live.execIds : null,
    HostConfig: {
      IOMaximumIOps: 0,
      IOMaximumBandwidth: 0,
      BlkioWeightDevice: [],
      BlkioDeviceReadBps: [],
      BlkioDeviceWriteBps: [],
      BlkioDeviceReadIOps: [],
      BlkioDeviceWriteIOps: [],
      ...host,
      ...(container.links !== undefined && { Links: linksOf(container, context) }),
    },
    GraphDriver: {
      Name: context.driver,
      Data:
        root === undefined
          ? null
          : {
              LowerDir: root.lowers.join(":"),
              ...(root.upper !== undefined && { UpperDir: root.upper }),
              ...(root.work !== undefined && { WorkDir: root.work }),
            },
    },
    ...(sizes !== undefined && { SizeRw: sizes.writableBytes, SizeRootFs: sizes.rootBytes }),
    Mounts: mountPoints(container),
    Config: settings,
    NetworkSettings: networkSettings(container, context, minor),
    ...(state.health !== undefined && {}),
  };
}

/** `/other:/own/alias`, by the names of now. */
const linksOf = ({ name, links = [] }: Container, { nameOf }: InspectContext): readonly string[] =>
  links.map(({ id, alias }) => `/${nameOf(id)}:/${name}/${alias}`);

function stateOf(container: Container): object {
  const { state } = container;
  const isPaused = state.status === "paused";
  return {
    Status: state.status,
    Running: state.status === "running" || isPaused || state.status === "restarting",
    Paused: isPaused,
    Restarting: state.status === "restarting",
    OOMKilled: state.isOomKilled,
    Dead: state.status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt,
    FinishedAt: state.finishedAt,
    ...(state.health !== undefined && {
      Health: {
        Status: state.health.status,
        FailingStreak: state.health.failingStreak,
        Log: state.health.log.map((entry) => ({
          Start: entry.start,
          End: entry.end,
          ExitCode: entry.exitCode,
          Output: entry.output,
        })),
      },
    }),
  };
}

/** As Docker lists them: what came by --tmpfs is told by HostConfig.Tmpfs alone. */
function mountPoints({ mounts, host }: Container): readonly object[] {
  const byFlag = new Set(Object.keys(host.Tmpfs ?? {}).map((place) => place.replace(/(.)\/+$/, "$1")));
  return mounts.filter((point) => point.type !== "tmpfs" || !byFlag.has(point.destination)).map(mountPoint);
}

function mountPoint(point: MountPoint): object {
  return {
    Type: point.type,
    ...(point.name !== undefined && { Name: point.name }),
    Source: point.source,
    Destination: point.destination,
    ...(point.driver !== undefined && { Driver: point.driver }),
    Mode: point.mode,
    RW: point.isWritable,
    Propagation: point.propagation,
  };
}

function networkSettings(container: Container, context: InspectContext, minor: number): object {
  const { live } = context;
  const bridge = live.endpoints.find((endpoint) => endpoint.networkName === "bridge");
  return {
    Bridge: "",
    SandboxID: live.sandboxPath === "" ? "" : container.id,
    SandboxKey: live.sandboxPath,
    Ports: portMap(container, live.ports),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: bridge?.endpointId ?? "",
    Gateway: bridge?.gateway ?? "",
    GlobalIPv6Address: bridge?.ipv6 ?? "",
    GlobalIPv6PrefixLen: bridge?.ipv6PrefixLength ?? 0,
    IPAddress: bridge?.ipv4 ?? "",
    IPPrefixLen: bridge?.ipv4PrefixLength ?? 0,
    IPv6Gateway: bridge?.ipv6Gateway ?? "",
    MacAddress: bridge?.macAddress ?? "",
    Networks: endpointMap(container, context, minor),
  };
}

/** Every wanted network; live facts where it runs. */
export function endpointMap(
  container: Container,
  context: Pick<InspectContext, "live" | "networkId">,
  minor: number,
): Readonly<Record<string, object>> {
  return Object.fromEntries(
    Object.entries(container.endpoints).map(([name, wanted]) => {
      const live = context.live.endpoints.find((endpoint) => endpoint.networkName === name);
      return [
        name,
        {
          IPAMConfig: wanted.IPAMConfig ?? null,
          Links: wanted.Links ?? null,
          Aliases: aliasesOf(container, name, wanted.Aliases ?? null, minor),
          MacAddress: live?.macAddress ?? "",
          DriverOpts: wanted.DriverOpts ?? null,
          ...(minor >= 48 && { GwPriority: wanted.GwPriority ?? 0 }),
          NetworkID: live?.networkId ?? context.networkId(name),
          ...addressesOf(live),
          ...(minor >= 44 && {
            DNSNames: live === undefined || live.dnsNames.length === 0 ? null : live.dnsNames,
          }),
        },
      ];
    }),
  );
}

function aliasesOf(
  container: Container,
  network: string,
  aliases: readonly string[] | null,
  minor: number,
): readonly string[] | null {
  if (minor >= 45 || network === "bridge" || network === "host" || network === "none") return aliases;
  return [...(aliases ?? []), container.id.slice(0, 12)];
}

function addressesOf(endpoint: Endpoint | undefined): object {
  return {
    EndpointID: endpoint?.endpointId ?? "",
    Gateway: endpoint?.gateway ?? "",
    IPAddress: endpoint?.ipv4 ?? "",
    IPPrefixLen: endpoint?.ipv4PrefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6Gateway ?? "",
    GlobalIPv6Address: endpoint?.ipv6 ?? "",
    GlobalIPv6PrefixLen: endpoint?.ipv6PrefixLength ?? 0,
  };
}

function portMap(
  container: Container,
  ports: readonly PublishedPort[],
): Readonly<Record<string, readonly object[] | null>> {
  if (container.state.pid === 0) return {};
  const map: Record<string, { HostIp: string; HostPort: string }[] | null> = {};
  for (const port of Object.keys(container.settings.ExposedPorts ?? {}))
    map[port.includes("/") ? port : `${port}/tcp`] = null;
  for (const port of ports) {
    const key = `${port.containerPort}/${port.protocol}`;
    (map[key] ??= []).push({ HostIp: port.hostAddress, HostPort: String(port.hostPort) });
  }
  return map;
}

interface PortRow {
  readonly IP?: string;
  readonly PrivatePort: number;
  readonly PublicPort?: number;
  readonly Type: string;
}

/** Published ports of a run, and what else it exposes. */
export function portRows(container: Container, live: InspectContext["live"]): readonly PortRow[] {
  if (container.state.pid === 0) return [];
  const published = live.ports.map((port) => ({
    IP: port.hostAddress,
    PrivatePort: port.containerPort,
    PublicPort: port.hostPort,
    Type: port.protocol,
  }));
  const covered = new Set(live.ports.map((port) => `${port.containerPort}/${port.protocol}`));
  const exposed = Object.keys(container.settings.ExposedPorts ?? {})
    .map((port) => port.split("/"))
    .filter(([number, protocol = "tcp"]) => !covered.has(`${number}/${protocol}`));
  return [
    ...published,
    ...exposed.map(([number, protocol = "tcp"]) => ({ PrivatePort: Number(number), Type: protocol })),
  ];
}

/** One row of GET /containers/json. Source: Docker Engine API 1.51, ContainerSummary. */
export function summariseContainer(
  container: Container,
  context: InspectContext,
  imageName: string,
  now: Date,
  minor: number,
  sizes?: { writableBytes: number; rootBytes: number },
): object {
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: imageName,
    ImageID: container.imageId,
    Command: [container.path, ...container.args].map(quoted).join(" "),
    Created: Math.floor(Date.parse(container.createdAt) / 1000),
    Ports: portRows(container, context.live),
    ...(sizes !== undefined && { SizeRw: sizes.writableBytes, SizeRootFs: sizes.rootBytes }),
    Labels: container.settings.Labels,
    State: container.state.status,
    Status: statusText(container, now),
    HostConfig: {
      NetworkMode: container.host.NetworkMode,
      ...(container.host.Annotations !== undefined &&
        minor >= 46 && { Annotations: container.host.Annotations }),
    },
    NetworkSettings: { Networks: endpointMap(container, context, minor) },
    Mounts: mountPoints(container),
  };
}

const quoted = (word: string): string => (/\s/.test(word) ? `'${word}'` : word);

/** `Up 5 minutes (healthy)`, `Exited (1) 2 hours ago`, as docker ps shows it. */
export function statusText(container: Container, now: Date): string {
  const { state } = container;
  const since = (time: string): string => humanDuration((now.getTime() - Date.parse(time)) / 1000);
  const health =
    state.health === undefined
      ? ""
      : state.health.status === "starting"
        ? " (health: starting)"
        : ` (${state.health.status})`;
  switch (state.status) {
    case "running":
      return `Up ${since(state.startedAt)}${health}`;
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

/** Docker's words for a duration in seconds. */
export function humanDuration(seconds: number): string {
  if (seconds < 1) return "Less than a second";
  if (seconds < 2) return "1 second";
  if (seconds < 60) return `${Math.floor(seconds)} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}
