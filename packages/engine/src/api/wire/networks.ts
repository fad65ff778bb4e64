import { LongshoreError } from "#kernel";
import type { Endpoint, IpamPool, Network } from "#networks";
import { flag, list, object, optional, record, type Shape, text } from "./shape.ts";
import { answerUnmet } from "./unmet.ts";
import { UNMET_AT_NETWORK_CREATE } from "./unmet-settings.ts";

/** Source: Docker Engine API 1.51, Network. */
export function inspectNetwork(
  network: Network,
  endpoints: readonly (Endpoint & { readonly containerName: string })[] | undefined,
  minor: number,
): object {
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: network.scope,
    Driver: network.driver,
    ...(minor >= 48 && { EnableIPv4: network.hasIpv4 }),
    EnableIPv6: network.hasIpv6,
    IPAM: {
      Driver: network.ipam.driver,
      Options: network.ipam.options,
      Config: network.ipam.pools.map(poolOf),
    },
    Internal: network.isInternal,
    Attachable: network.isAttachable,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(
      (endpoints ?? []).map((endpoint) => [endpoint.containerId, memberOf(endpoint)]),
    ),
    Options: network.options,
    Labels: network.labels,
  };
}

const poolOf = (pool: IpamPool): object => ({
  Subnet: pool.subnet,
  ...(pool.ipRange !== undefined && { IPRange: pool.ipRange }),
  ...(pool.gateway !== undefined && { Gateway: pool.gateway }),
  ...(pool.auxAddresses !== undefined && { AuxiliaryAddresses: pool.auxAddresses }),
});

const memberOf = (endpoint: Endpoint & { readonly containerName: string }): object => ({
  Name: endpoint.containerName,
  EndpointID: endpoint.endpointId,
  MacAddress: endpoint.macAddress,
  IPv4Address: endpoint.ipv4 === undefined ? "" : `${endpoint.ipv4}/${endpoint.ipv4PrefixLength ?? 0}`,
  IPv6Address: endpoint.ipv6 === undefined ? "" : `${endpoint.ipv6}/${endpoint.ipv6PrefixLength ?? 0}`,
});

interface NetworkBody {
  readonly Name: string;
  readonly Driver: string;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6?: boolean;
  readonly Labels: Readonly<Record<string, string>>;
  readonly Options: Readonly<Record<string, string>>;
  readonly IPAM: {
    readonly Driver: string;
    readonly Options: Readonly<Record<string, string>>;
    readonly Config: readonly {
      readonly Subnet?: string;
      readonly IPRange?: string;
      readonly Gateway?: string;
      readonly AuxiliaryAddresses?: Readonly<Record<string, string>>;
    }[];
  };
}

/** The body of POST /networks/create. */
export const networkShape: Shape<NetworkBody> = object({
  Name: text(""),
  Driver: text("bridge"),
  Internal: flag(false),
  Attachable: flag(false),
  EnableIPv4: optional(flag(true)),
  EnableIPv6: optional(flag(false)),
  Labels: record(text("")),
  Options: record(text("")),
  IPAM: object({
    Driver: text("default"),
    Options: record(text("")),
    Config: list(
      object({
        Subnet: optional(text("")),
        IPRange: optional(text("")),
        Gateway: optional(text("")),
        AuxiliaryAddresses: optional(record(text(""))),
      }),
    ),
  }),
});

/** A network as it is asked for: all but what the engine gives it. */
export type NetworkCreate = Omit<Network, "id" | "scope" | "createdAt">;

export function parseNetworkCreate(body: Readonly<Record<string, unknown>>): NetworkCreate {
  const parsed = networkShape(body, "");
  if (parsed.Name === "") throw new LongshoreError("invalid", "network name cannot be empty");
  answerUnmet(UNMET_AT_NETWORK_CREATE, body);
  const pools = parsed.IPAM.Config.flatMap(({ Subnet, IPRange, Gateway, AuxiliaryAddresses }): IpamPool[] => {
    if (Subnet === undefined || Subnet === "") {
      if ((Gateway ?? "") !== "" || (IPRange ?? "") !== "")
        throw new LongshoreError(
          "invalid",
          `network "${parsed.Name}": user specified IPAM config needs a subnet`,
        );
      return [];
    }
    return [
      {
        subnet: Subnet,
        ...(IPRange !== undefined && IPRange !== "" && { ipRange: IPRange }),
        ...(Gateway !== undefined && Gateway !== "" && { gateway: Gateway }),
        ...(AuxiliaryAddresses !== undefined && { auxAddresses: AuxiliaryAddresses }),
      },
    ];
  });
  return {
    name: parsed.Name,
    driver: parsed.Driver === "" ? "bridge" : parsed.Driver,
    isInternal: parsed.Internal,
    isAttachable: parsed.Attachable,
    hasIpv4: parsed.EnableIPv4 ?? true,
    hasIpv6: parsed.EnableIPv6 ?? false,
    labels: parsed.Labels,
    options: parsed.Options,
    ipam: {
      driver: parsed.IPAM.Driver === "" ? "default" : parsed.IPAM.Driver,
      options: parsed.IPAM.Options,
      pools,
    },
  };
}
