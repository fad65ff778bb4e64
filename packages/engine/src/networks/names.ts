import type { DnsView, DnsZone } from "#dns";
import type { DnsSpec, Network } from "./contract.ts";
import { PREDEFINED } from "./network-book.ts";
import { isLoopback, merged } from "./resolv-conf.ts";
import type { EndpointRow, SandboxRow } from "./sandbox-row.ts";

/** Which names a network's containers know each other by. */
export function zoneOf(network: Network, endpoints: readonly EndpointRow[]): DnsZone {
  const names: Record<string, string[]> = Object.create(null);
  const reverse: Record<string, string> = {};
  for (const { endpoint, spec } of endpoints) {
    const addresses = [endpoint.ipv4, endpoint.ipv6].filter((address) => address !== undefined);
    for (const name of endpoint.dnsNames)
      for (const full of [name, `${name}.${network.name}`])
        (names[full.toLowerCase()] ??= []).push(...addresses);
    for (const address of addresses) reverse[address] = `${spec.containerName}.${network.name}`;
  }
  return { names, reverse };
}

/** True when containers on it find each other by name. */
export function hasNames(network: Network): boolean {
  return network.driver === "bridge" && !PREDEFINED.includes(network.name);
}

/** What one sandbox is told beside its networks' names: its links, and the host's name. */
export function viewOf(
  row: SandboxRow,
  others: readonly SandboxRow[],
  network: (id: string) => Network,
  host: DnsSpec,
): DnsView {
  const names: Record<string, string[]> = Object.create(null);
  for (const { endpoint, spec } of row.endpoints) {
    for (const link of spec.links ?? []) {
      const [target = "", alias = target] = link.split(":");
      const found = others
        .filter((other) => other.containerName === target || other.containerId.startsWith(target))
        .flatMap((other) => other.endpoints)
        .find((other) => other.endpoint.networkId === endpoint.networkId);
      if (found?.endpoint.ipv4 !== undefined) (names[alias.toLowerCase()] ??= []).push(found.endpoint.ipv4);
    }
  }
  const outward = row.endpoints.filter(({ endpoint }) => !network(endpoint.networkId).isInternal);
  const gateway = outward.find(({ endpoint }) => endpoint.gateway !== undefined)?.endpoint.gateway;
  if (gateway !== undefined)
    for (const name of ["host.docker.internal", "gateway.docker.internal"]) names[name] = [gateway];
  const dns = merged(row.dns, host);
  return {
    own: { names, reverse: {} },
    zones: row.endpoints.map(({ endpoint }) => endpoint.networkId).filter((id) => hasNames(network(id))),
    // Questions are forwarded from the host's namespace, where only the host's own loopback servers mean what they say.
    servers:
      outward.length === 0
        ? []
        : dns.servers.filter((server) => !isLoopback(server) || host.servers.includes(server)),
    keepsShortNames: row.dns.options.some((option) => /^ndots:[1-9]/.test(option)),
  };
}
