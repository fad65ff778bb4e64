import { randomBytes } from "node:crypto";
import { LongshoreError, randomId } from "#kernel";
import type { Events } from "#events";
import type { NetworkThread } from "#host";
import { checkMac, macOf } from "./address-pool.ts";
import { isIsolated, mtuOf } from "./bridges.ts";
import type { Endpoint, EndpointSpec, Network } from "./contract.ts";
import { endpointOptions } from "./endpoint-options.ts";
import { hasNames } from "./names.ts";
import type { NetworkBook } from "./network-book.ts";
import { outwardEndpoint, type EndpointRow } from "./sandbox-row.ts";

/** What an endpoint is, beside the kernel: its network, addresses and names, and the event of its coming and going. */
export class Endpoints {
  readonly #book: NetworkBook;
  readonly #events: Events;

  constructor(book: NetworkBook, events: Events) {
    this.#book = book;
    this.#events = events;
  }

  network(id: string): Network {
    return this.#book.row(id).network;
  }
  readonly isInternal = (id: string): boolean => !this.#book.has(id) || this.network(id).isInternal;
  outward(endpoints: readonly EndpointRow[]): EndpointRow | undefined {
    return outwardEndpoint(endpoints, this.isInternal);
  }

  /** Takes addresses for a new endpoint. Pair: release. */
  reserve(networkName: string, spec: EndpointSpec, interfaceName: string): EndpointRow {
    const network = this.#book.find(networkName);
    if (network.driver !== "bridge")
      throw new LongshoreError(
        "invalid",
        `container cannot be connected to network ${network.name}: the ${network.driver} network has no endpoints`,
      );
    const row = this.#book.row(network.id);
    const options = endpointOptions(spec);
    const macGiven = spec.macAddress === undefined ? undefined : checkMac(spec.macAddress);
    const taken = this.#book.takeAddresses(row, spec);
    const { ipv4, ipv6 } = taken;
    const shortId = spec.containerId.slice(0, 12);
    const names = [spec.containerName, ...spec.aliases, shortId, spec.hostname].filter((name) => name !== "");
    const endpoint: Endpoint = {
      networkId: network.id,
      networkName: network.name,
      endpointId: randomId(),
      containerId: spec.containerId,
      macAddress: macGiven ?? macOf(ipv4?.address ?? ipv6?.address ?? "0.0.0.0"),
      ...(ipv4 && {
        ipv4: ipv4.address,
        ipv4PrefixLength: ipv4.pool.subnet.prefixLength,
        ...(!network.isInternal && { gateway: ipv4.pool.gateway }),
      }),
      ...(ipv6 && {
        ipv6: ipv6.address,
        ipv6PrefixLength: ipv6.pool.subnet.prefixLength,
        ...(!network.isInternal && { ipv6Gateway: ipv6.pool.gateway }),
      }),
      aliases: spec.aliases,
      dnsNames: hasNames(network) ? [...new Set(names)] : [],
    };
    return {
      endpoint,
      hostName: `veth${randomBytes(4).toString("hex").slice(0, 7)}`,
      interfaceName: options.interfaceName ?? interfaceName,
      bridge: row.bridge,
      spec,
    };
  }

  release({ endpoint }: EndpointRow): void {
    this.#book.release(endpoint.networkId, [endpoint.ipv4, endpoint.ipv6]);
  }

  /** What the kernel makes of it. */
  plugOf(row: EndpointRow): Parameters<NetworkThread["plug"]>[1] {
    const { endpoint } = row;
    const network = this.network(endpoint.networkId);
    const addresses = [
      { address: endpoint.ipv4, prefixLength: endpoint.ipv4PrefixLength },
      { address: endpoint.ipv6, prefixLength: endpoint.ipv6PrefixLength },
    ];
    return {
      hostName: row.hostName,
      name: row.interfaceName,
      bridge: row.bridge,
      macAddress: endpoint.macAddress,
      mtu: mtuOf(network),
      addresses: addresses.flatMap(({ address, prefixLength }) =>
        address === undefined || prefixLength === undefined ? [] : [{ address, prefixLength }],
      ),
      isIsolated: isIsolated(network),
      sysctls: endpointOptions(row.spec).sysctls(row.interfaceName),
    };
  }

  announce(action: "connect" | "disconnect", { endpoint }: EndpointRow): void {
    const { id, name, driver } = this.network(endpoint.networkId);
    this.#events.publish({
      type: "network",
      action,
      actorId: id,
      attributes: { container: endpoint.containerId, name, type: driver },
    });
  }
}
