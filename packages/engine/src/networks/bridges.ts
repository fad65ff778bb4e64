import { createHash } from "node:crypto";
import { errno, LongshoreError, type Logger } from "#kernel";
import type { NetworkThread } from "#host";
import { macOf } from "./address-pool.ts";
import { parseCidr, type Cidr } from "./cidr.ts";
import type { Network } from "./contract.ts";
import type { BridgeRules, Filter } from "./filter.ts";
import type { NetworkRow } from "./network-book.ts";

const OPTION = "com.docker.network.bridge";
export const DEFAULT_BRIDGE = "lsh0";
const INTERFACE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,14}$/;

/** What the network "bridge" says of itself, as dockerd's does: some tools look the interface's name up there. */
export const defaultBridgeOptions = (bridge: string): Readonly<Record<string, string>> => ({
  [`${OPTION}.default_bridge`]: "true",
  [`${OPTION}.enable_icc`]: "true",
  [`${OPTION}.enable_ip_masquerade`]: "true",
  [`${OPTION}.host_binding_ipv4`]: "0.0.0.0",
  [`${OPTION}.name`]: bridge,
  "com.docker.network.driver.mtu": "1500",
});

/** True unless the option says no. */
const isOn = (network: Network, option: string): boolean =>
  !["false", "0"].includes(network.options[`${OPTION}.${option}`] ?? "true");

export function mtuOf(network: Network): number {
  const mtu = Number(network.options["com.docker.network.driver.mtu"] ?? 1500);
  if (!Number.isInteger(mtu) || mtu < 68 || mtu > 65535)
    throw new LongshoreError(
      "invalid",
      `invalid MTU "${network.options["com.docker.network.driver.mtu"]}" for network ${network.name}`,
    );
  return mtu;
}

/** Where ports without a host address are published: all addresses, or what the network says. */
export function defaultHostAddress(network: Network): string {
  const address = network.options[`${OPTION}.host_binding_ipv4`] ?? "";
  return address === "0.0.0.0" ? "" : address;
}

export function rulesOf(row: NetworkRow): BridgeRules {
  return {
    name: row.bridge,
    isInternal: row.network.isInternal,
    isShared: isOn(row.network, "enable_icc"),
    isMasqueraded: isOn(row.network, "enable_ip_masquerade"),
  };
}

export const isIsolated = (network: Network): boolean => !isOn(network, "enable_icc");

/** This engine's bridges: each is marked with the engine's tag, so that no other's is ever taken for ours. */
export class Bridges {
  readonly #kernel: NetworkThread;
  readonly #filter: Filter;
  readonly #tag: string;
  readonly #log: Logger;
  readonly #localRoutes = new Set<string>();
  #hasIpv6Forwarding = false;

  constructor(kernel: NetworkThread, filter: Filter, tag: string, log: Logger) {
    this.#kernel = kernel;
    this.#filter = filter;
    this.#tag = tag;
    this.#log = log;
  }

  /** Makes the bridge of `row`, or completes it. Returns the name it got: the default bridge's may be taken by another engine. */
  async ensure(row: NetworkRow): Promise<string> {
    const { network } = row;
    if (!INTERFACE_NAME.test(row.bridge))
      throw new LongshoreError("invalid", `invalid bridge name "${row.bridge}" for network ${network.name}`);
    const addresses = network.ipam.pools.flatMap((pool) =>
      pool.gateway === undefined
        ? []
        : [{ address: pool.gateway, prefixLength: parseCidr(pool.subnet).prefixLength }],
    );
    const names =
      row.bridge === DEFAULT_BRIDGE ? [DEFAULT_BRIDGE, `lsh-${this.#tag.slice(-8)}`] : [row.bridge];
    for (const name of names) {
      try {
        await this.#kernel.ensureBridge({
          name,
          alias: this.#aliasOf(network),
          macAddress: macOf(addresses[0]?.address ?? `0.0.${hash(network.id)}`),
          mtu: mtuOf(network),
          addresses,
        });
      } catch (error) {
        if (errno(error) === "EEXIST" && name !== names.at(-1)) continue;
        if (errno(error) === "EEXIST")
          throw new LongshoreError("conflict", `network bridge name ${name} already in use`, {
            cause: error,
          });
        throw error;
      }
      if (network.hasIpv6) await this.#forwardIpv6();
      return name;
    }
    throw new LongshoreError("internal", `no name for the bridge of network ${network.name}`);
  }

  async remove(name: string): Promise<void> {
    this.#localRoutes.delete(name);
    await this.#filter.removeBridge(name);
    await this.#kernel.removeLink(name);
  }

  /** Removes every bridge of this engine whose network is not among `ids`. */
  async removeStrangers(ids: ReadonlySet<string>): Promise<void> {
    for (const bridge of await this.#kernel.listBridges()) {
      const [tag, id = ""] = splitAlias(bridge.alias);
      if (tag !== this.#tag || ids.has(id)) continue;
      this.#log.info("a bridge that no network names is removed", { bridge: bridge.name });
      await this.#kernel.removeLink(bridge.name);
    }
  }

  /** Ranges in use on the host, this engine's bridges left out. */
  async rangesInUse(own: readonly string[]): Promise<Cidr[]> {
    const subnets = await this.#kernel.listSubnets(own);
    return subnets.map(({ address, prefixLength }) => parseCidr(`${address}/${prefixLength}`));
  }

  /** Packets to 127.0.0.1:port of the host may go on to this bridge; the rules keep such packets from its containers out. */
  async allowLocalRoute(name: string): Promise<void> {
    if (this.#localRoutes.has(name)) return;
    this.#localRoutes.add(name);
    if (await this.#kernel.setHostSysctl(`net.ipv4.conf.${name.replaceAll(".", "/")}.route_localnet`, "1"))
      return;
    this.#log.warn("route_localnet can't be set: published ports answer on 127.0.0.1 through the relay", {
      bridge: name,
    });
    this.#filter.withoutLocalRoute();
    await this.#filter.load(AbortSignal.timeout(10_000));
  }

  async forwardIpv4(): Promise<void> {
    if (await this.#kernel.setHostSysctl("net.ipv4.ip_forward", "1")) return;
    this.#log.warn("net.ipv4.ip_forward can't be set: containers reach nothing beyond this machine");
  }

  async #forwardIpv6(): Promise<void> {
    if (this.#hasIpv6Forwarding) return;
    this.#hasIpv6Forwarding = true;
    if (await this.#kernel.setHostSysctl("net.ipv6.conf.all.forwarding", "1")) return;
    this.#log.warn("net.ipv6.conf.all.forwarding can't be set: containers have no IPv6 beyond this machine");
  }

  #aliasOf(network: Network): string {
    return `${this.#tag} ${network.id}`;
  }
}

const splitAlias = (alias: string): string[] => alias.split(" ");

function hash(id: string): string {
  const [one = 0, other = 0] = createHash("sha256").update(id).digest();
  return `${one}.${other}`;
}
