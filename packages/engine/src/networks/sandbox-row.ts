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

/** The endpoint that published ports lead to, and the sandbox's default routes: the first that leads outward. */
export function outwardEndpoint(
  endpoints: readonly EndpointRow[],
  isInternal: (networkId: string) => boolean,
): EndpointRow | undefined {
  return endpoints.find(({ endpoint }) => !isInternal(endpoint.networkId));
}

/** Default routes, at most one of each family. */
export function gatewaysOf(
  endpoints: readonly EndpointRow[],
  isInternal: (networkId: string) => boolean,
): string[] {
  const outward = endpoints.filter(({ endpoint }) => !isInternal(endpoint.networkId));
  const found = [
    outward.find(({ endpoint }) => endpoint.gateway !== undefined)?.endpoint.gateway,
    outward.find(({ endpoint }) => endpoint.ipv6Gateway !== undefined)?.endpoint.ipv6Gateway,
  ];
  return found.filter((gateway) => gateway !== undefined);
}
