import { LongshoreError } from "#kernel";
import type { EndpointSpec, Networks, PortSpec } from "#networks";
import type { Container, EndpointSettings, HostSettings, PortBinding } from "./contract.ts";

/** NetworkMode taken apart. `default` is the default bridge. */
export type NetworkMode =
  | { readonly kind: "host" }
  | { readonly kind: "none" }
  | { readonly kind: "container"; readonly container: string }
  | { readonly kind: "network"; readonly name: string };

export function networkMode(text: string): NetworkMode {
  if (text === "host" || text === "none") return { kind: text };
  if (text.startsWith("container:")) {
    const container = text.slice("container:".length);
    if (container === "")
      throw new LongshoreError(
        "invalid",
        "invalid network mode: invalid container format container:<name|id>",
      );
    return { kind: "container", container };
  }
  return { kind: "network", name: text === "" || text === "default" ? "bridge" : text };
}

/** Networks to join at start, the mode's own first. */
export function wantedNetworks(
  host: HostSettings,
  endpoints: Readonly<Record<string, EndpointSettings>>,
): Readonly<Record<string, EndpointSettings>> {
  const mode = networkMode(host.NetworkMode);
  if (mode.kind !== "network")
    return mode.kind === "container" ? {} : { [mode.kind]: endpoints[mode.kind] ?? {} };
  const own = endpoints[mode.name] ?? (mode.name === "bridge" ? endpoints["default"] : undefined) ?? {};
  const rest = Object.entries(endpoints).filter(([name]) => name !== mode.name && name !== "default");
  return { [mode.name]: own, ...Object.fromEntries(rest) };
}

/** What networks gets to know of one endpoint. */
export function endpointSpec(
  container: Pick<Container, "id" | "name" | "settings">,
  network: string,
  settings: EndpointSettings,
): EndpointSpec {
  const isUserDefined = network !== "bridge";
  return {
    containerId: container.id,
    containerName: container.name,
    hostname: container.settings.Hostname,
    aliases: isUserDefined ? [...new Set([...(settings.Aliases ?? []), container.id.slice(0, 12)])] : [],
    links: settings.Links ?? [],
    ...(settings.GwPriority !== undefined && { gatewayPriority: settings.GwPriority }),
    ...askedOf({ MacAddress: container.settings.MacAddress ?? "", ...settings }),
  };
}

/** What can be said about an endpoint before there is one. Throws `invalid` in Docker's words, answers warnings. */
export function checkEndpoint(
  networks: Pick<Networks, "check">,
  network: string,
  settings: EndpointSettings,
): readonly string[] {
  return networks.check(network, { ...askedOf(settings), aliases: settings.Aliases ?? [] });
}

function askedOf(
  settings: EndpointSettings,
): Pick<EndpointSpec, "ipv4" | "ipv6" | "macAddress" | "driverOptions"> {
  const { MacAddress: mac } = settings;
  return {
    ...(settings.IPAMConfig?.IPv4Address !== undefined &&
      settings.IPAMConfig.IPv4Address !== "" && { ipv4: settings.IPAMConfig.IPv4Address }),
    ...(settings.IPAMConfig?.IPv6Address !== undefined &&
      settings.IPAMConfig.IPv6Address !== "" && { ipv6: settings.IPAMConfig.IPv6Address }),
    ...(mac !== undefined && mac !== "" && { macAddress: mac }),
    ...(settings.DriverOpts != null && { driverOptions: settings.DriverOpts }),
  };
}

/** Published ports of the settings; with PublishAllPorts every exposed one gets an ephemeral host port. */
export function portSpecs(container: Pick<Container, "settings" | "host">): readonly PortSpec[] {
  const { settings, host } = container;
  const specs = Object.entries(host.PortBindings).flatMap(([port, bindings]) =>
    (bindings ?? []).map((binding) => bound(port, binding)),
  );
  if (!host.PublishAllPorts) return specs;
  const covered = new Set(Object.keys(host.PortBindings).map(withProtocol));
  const rest = Object.keys(settings.ExposedPorts ?? {}).filter((port) => !covered.has(withProtocol(port)));
  return [...specs, ...rest.flatMap(eachPort).map((port) => bound(port, { HostIp: "", HostPort: "" }))];
}

/** `80`, `80/udp`, `7000-7010/tcp` as an image exposes them; undefined for anything else. */
export function exposedRange(port: string): { first: number; last: number; protocol: string } | undefined {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(port);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match === null || first < 1 || last < first || last > 65_535) return undefined;
  return { first, last, protocol: match[3] ?? "tcp" };
}

function eachPort(port: string): readonly string[] {
  const range = exposedRange(port);
  if (range === undefined) throw new LongshoreError("invalid", `invalid port specification: "${port}"`);
  return Array.from(
    { length: range.last - range.first + 1 },
    (_, index) => `${range.first + index}/${range.protocol}`,
  );
}

const withProtocol = (port: string): string => (port.includes("/") ? port : `${port}/tcp`);

function bound(port: string, binding: PortBinding): PortSpec {
  const [number = "0", protocol = "tcp"] = port.split("/");
  const [first = "", last] = binding.HostPort.split("-");
  if (protocol !== "tcp" && protocol !== "udp" && protocol !== "sctp")
    throw new LongshoreError("invalid", `invalid port specification: "${port}"`);
  return {
    containerPort: Number(number),
    protocol,
    hostAddress: binding.HostIp,
    hostPort: first === "" ? 0 : Number(first),
    ...(last !== undefined && { hostPortLast: Number(last) }),
  };
}
