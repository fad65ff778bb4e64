import type { DnsSpec, Endpoint, EndpointSpec, PortSpec, PublishedPort } from "./contract.ts";

/** One interface of a sandbox, as the store keeps it. */
export interface EndpointRow {
  readonly endpoint: Endpoint;
  /** Its end on the bridge. */
  readonly hostName: string;
  /** Its end inside. */
  readonly interfaceName: string;
  readonly bridge: string;
  readonly spec: EndpointSpec;
}

/** A sandbox as the store keeps it: enough to take it over, or to remove all of it. */
export interface SandboxRow {
  readonly containerId: string;
  readonly containerName: string;
  readonly path: string;
  readonly endpoints: readonly EndpointRow[];
  readonly wantedPorts: readonly PortSpec[];
  readonly ports: readonly PublishedPort[];
  readonly dns: DnsSpec;
  readonly hasDns: boolean;
}

/** All on one network. */
export function endpointsOn(rows: Iterable<SandboxRow>, networkId: string): EndpointRow[] {
  return [...rows].flatMap((row) => row.endpoints.filter(({ endpoint }) => endpoint.networkId === networkId));
}

/** Endpoints that lead outward, those of higher priority first. */
function outwardOf(
  endpoints: readonly EndpointRow[],
  isInternal: (networkId: string) => boolean,
): readonly EndpointRow[] {
  const priority = ({ spec }: EndpointRow): number => spec.gatewayPriority ?? 0;
  return endpoints
    .filter(({ endpoint }) => !isInternal(endpoint.networkId))
    .toSorted((a, b) => priority(b) - priority(a));
}

/** The endpoint that published ports lead to, and the sandbox's default routes: the first that leads outward. */
export function outwardEndpoint(
  endpoints: readonly EndpointRow[],
  isInternal: (networkId: string) => boolean,
): EndpointRow | undefined {
  return outwardOf(endpoints, isInternal)[0];
}

/** Default routes, at most one of each family. */
export function gatewaysOf(
  endpoints: readonly EndpointRow[],
  isInternal: (networkId: string) => boolean,
): string[] {
  const outward = outwardOf(endpoints, isInternal);
  const found = [
    outward.find(({ endpoint }) => endpoint.gateway !== undefined)?.endpoint.gateway,
    outward.find(({ endpoint }) => endpoint.ipv6Gateway !== undefined)?.endpoint.ipv6Gateway,
  ];
  return found.filter((gateway) => gateway !== undefined);
}
