import { randomBytes } from "node:crypto";
import { LongshoreError, randomId, type Clock, rfc3339Nano } from "#kernel";
import type { Table } from "#store";
import { AddressPool, defaultSubnets } from "./address-pool.ts";
import { contains, formatAddress, formatCidr, overlaps, parseAddress, parseCidr, type Cidr } from "./cidr.ts";
import type { IpamPool, Network, Networks } from "./contract.ts";

/** A network as the store keeps it. */
export interface NetworkRow {
  readonly network: Network;
  /** Name of its bridge; empty for host and none. */
  readonly bridge: string;
  /** The subnet was chosen by us, so nobody may ask for an address of it. */
  readonly isSubnetChosen: boolean;
}

export const PREDEFINED: readonly string[] = ["bridge", "host", "none"];
export type NetworkSpec = Parameters<Networks["create"]>[0];

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const DRIVERS: Readonly<Record<string, string>> = { bridge: "bridge", default: "bridge", "": "bridge" };

/** All networks and their address pools, in memory and in the store. */
export class NetworkBook {
  readonly #table: Table<NetworkRow>;
  readonly #clock: Clock;
  readonly #pools = new Map<string, readonly AddressPool[]>();

  constructor(table: Table<NetworkRow>, clock: Clock) {
    this.#table = table;
    this.#clock = clock;
    for (const { network } of table.values())
      this.#pools.set(
        network.id,
        network.ipam.pools.map((pool) => new AddressPool(pool)),
      );
  }

  rows(): NetworkRow[] {
    return [...this.#table.values()];
  }
  row(id: string): NetworkRow {
    const row = this.#table.get(id);
    if (row === undefined) throw new LongshoreError("not_found", `network ${id} not found`);
    return row;
  }
  has(id: string): boolean {
    return this.#table.get(id) !== undefined;
  }
  pools(id: string): readonly AddressPool[] {
    return this.#pools.get(id) ?? [];
  }

  find(name: string): Network {
    const rows = this.rows();
    const exact = this.#table.get(name) ?? rows.find(({ network }) => network.name === name) ?? undefined;
    if (exact !== undefined) return exact.network;
    const byPrefix = /^[0-9a-f]+$/.test(name)
      ? rows.filter(({ network }) => network.id.startsWith(name))
      : [];
    if (byPrefix.length > 1)
      throw new LongshoreError(
        "invalid",
        `network ${name} is ambiguous (${byPrefix.length} matches found on id prefix)`,
      );
    const [found] = byPrefix;
    if (found === undefined) throw new LongshoreError("not_found", `network ${name} not found`);
    return found.network;
  }

  /** Checks `spec` and chooses what it leaves open; nothing is kept yet. `inUse` are the host's own ranges. */
  plan(spec: NetworkSpec, inUse: readonly Cidr[]): NetworkRow {
    const { name } = spec;
    if (PREDEFINED.includes(name))
      throw new LongshoreError("forbidden", `operation is not permitted on predefined ${name} network`);
    if (!NAME.test(name))
      throw new LongshoreError(
        "invalid",
        `invalid name "${name}": only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed`,
      );
    const driver = DRIVERS[spec.driver ?? ""];
    if (spec.driver === "host" || spec.driver === "null")
      throw new LongshoreError("forbidden", `only one instance of "${spec.driver}" network is allowed`);
    if (driver === undefined)
      throw new LongshoreError(
        "not_found",
        `could not find plugin ${spec.driver} in v1 plugin registry: plugin not found`,
      );
    if (this.rows().some(({ network }) => network.name === name))
      throw new LongshoreError("conflict", `network with name ${name} already exists`);
    const ipamDriver = spec.ipam?.driver ?? "default";
    if (ipamDriver !== "default" && ipamDriver !== "")
      throw new LongshoreError(
        "not_found",
        `could not find plugin ${ipamDriver} in v1 plugin registry: plugin not found`,
      );
    return this.describe({ ...spec, driver }, randomId(), inUse);
  }

  /** As `plan`, for any name and a given id. */
  describe(spec: NetworkSpec, id: string, inUse: readonly Cidr[]): NetworkRow {
    const given = spec.ipam?.pools ?? [];
    const hasIpv4 = spec.hasIpv4 ?? true;
    const hasIpv6 = spec.hasIpv6 ?? false;
    const isIpv6 = (pool: IpamPool): boolean => pool.subnet.includes(":");
    const taken = this.#subnets();
    for (const pool of given) {
      const subnet = parseCidr(pool.subnet);
      if (taken.some((other) => overlaps(other, subnet)))
        throw new LongshoreError(
          "forbidden",
          "invalid pool request: Pool overlaps with other one on this address space",
        );
      taken.push(subnet);
    }
    const wanted = [...given];
    const isSubnetChosen = hasIpv4 && !given.some((pool) => !isIpv6(pool));
    if (isSubnetChosen) wanted.unshift({ subnet: formatCidr(choose(taken, inUse)) });
    if (hasIpv6 && !given.some(isIpv6)) wanted.push({ subnet: uniqueLocal() });
    const pools = wanted
      .filter((pool) => (isIpv6(pool) ? hasIpv6 : hasIpv4))
      .map((pool): IpamPool => ({ ...pool, gateway: new AddressPool(pool).gateway }));
    const network: Network = {
      id,
      name: spec.name,
      driver: spec.driver ?? "bridge",
      scope: "local",
      createdAt: rfc3339Nano(BigInt(this.#clock.now().getTime()) * 1_000_000n),
      isInternal: spec.isInternal ?? false,
      isAttachable: spec.isAttachable ?? false,
      hasIpv4,
      hasIpv6,
      labels: { ...spec.labels },
      options: { ...spec.options },
      ipam: { driver: "default", options: { ...spec.ipam?.options }, pools },
    };
    const bridge = spec.options?.["com.docker.network.bridge.name"] ?? `br-${id.slice(0, 12)}`;
    return { network, bridge, isSubnetChosen };
  }

  #subnets(): Cidr[] {
    return this.rows().flatMap(({ network }) => network.ipam.pools.map((pool) => parseCidr(pool.subnet)));
  }

  async keep(row: NetworkRow): Promise<void> {
    this.#pools.set(
      row.network.id,
      row.network.ipam.pools.map((pool) => new AddressPool(pool)),
    );
    await this.#table.put(row.network.id, row);
  }

  async forget(id: string): Promise<void> {
    this.#pools.delete(id);
    await this.#table.remove(id);
  }

  /** Takes one address of each family that the network has: the asked ones, or the lowest free. All or nothing. */
  takeAddresses(row: NetworkRow, asked: { readonly ipv4?: string; readonly ipv6?: string }): TakenAddresses {
    const { network } = row;
    if ((asked.ipv4 ?? asked.ipv6) !== undefined) {
      if (PREDEFINED.includes(network.name))
        throw new LongshoreError(
          "invalid",
          "user specified IP address is supported on user defined networks only",
        );
      if (row.isSubnetChosen)
        throw new LongshoreError(
          "invalid",
          "user specified IP address is supported only when connecting to networks with user configured subnets",
        );
    }
    const taken: { pool: AddressPool; address: string }[] = [];
    const of = (bits: 32 | 128, address: string | undefined): (typeof taken)[number] | undefined => {
      const pools = this.pools(network.id).filter((pool) => pool.subnet.bits === bits);
      if (address !== undefined) {
        const parsed = parseAddress(address);
        const pool = pools.find((one) => contains(one.subnet, parsed));
        if (pool === undefined)
          throw new LongshoreError("invalid", `no configured subnet contains IP address ${address}`);
        pool.take(address);
        const found = { pool, address: formatAddress(parsed.value, parsed.bits) };
        taken.push(found);
        return found;
      }
      if (pools.length === 0) return undefined;
      for (const pool of pools) {
        const next = pool.takeNext();
        if (next === undefined) continue;
        const found = { pool, address: next };
        taken.push(found);
        return found;
      }
      throw new LongshoreError(
        "unavailable",
        `no available ${bits === 32 ? "IPv4" : "IPv6"} addresses on this network's address pools: ${network.name} (${network.id})`,
      );
    };
    try {
      const ipv4 = of(32, asked.ipv4);
      const ipv6 = of(128, asked.ipv6);
      return { ...(ipv4 && { ipv4 }), ...(ipv6 && { ipv6 }) };
    } catch (error) {
      for (const { pool, address } of taken) pool.release(address);
      throw error;
    }
  }

  /** Marks addresses of an adopted endpoint; one that is taken already stays so. */
  retake(networkId: string, addresses: readonly (string | undefined)[]): void {
    for (const address of addresses) {
      if (address === undefined) continue;
      const pool = this.pools(networkId).find((one) => one.has(address));
      try {
        pool?.take(address);
      } catch (error) {
        if (!(error instanceof LongshoreError)) throw error;
      }
    }
  }

  release(networkId: string, addresses: readonly (string | undefined)[]): void {
    for (const address of addresses)
      if (address !== undefined)
        this.pools(networkId)
          .find((pool) => pool.has(address))
          ?.release(address);
  }
}

export interface TakenAddresses {
  readonly ipv4?: { readonly pool: AddressPool; readonly address: string };
  readonly ipv6?: { readonly pool: AddressPool; readonly address: string };
}

function choose(taken: readonly Cidr[], inUse: readonly Cidr[]): Cidr {
  for (const subnet of defaultSubnets())
    if (![...taken, ...inUse].some((other) => overlaps(other, subnet))) return subnet;
  throw new LongshoreError("unavailable", "all predefined address pools have been fully subnetted");
}

/** A random unique local /64 (RFC 4193). */
function uniqueLocal(): string {
  const random = randomBytes(5).toString("hex");
  return formatCidr(parseCidr(`fd${random.slice(0, 2)}:${random.slice(2, 6)}:${random.slice(6, 10)}:0::/64`));
}
