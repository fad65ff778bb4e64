import { LongshoreError } from "#kernel";
import { contains, first, formatAddress, last, parseAddress, parseCidr, type Cidr } from "./cidr.ts";
import type { IpamPool } from "./contract.ts";

/** The addresses of one subnet: who has which is not its business, only whether it is taken. */
export class AddressPool {
  readonly subnet: Cidr;
  readonly gateway: string;
  readonly #range: Cidr;
  readonly #taken = new Set<bigint>();

  /** Throws `invalid` when gateway, range or reserved addresses lie outside the subnet. */
  constructor(pool: IpamPool) {
    this.subnet = parseCidr(pool.subnet);
    this.#range = pool.ipRange === undefined ? this.subnet : parseCidr(pool.ipRange);
    if (!contains(this.subnet, { value: first(this.#range), bits: this.#range.bits }))
      throw new LongshoreError(
        "invalid",
        `invalid network config:\ninvalid ip-range ${pool.ipRange}: not in subnet ${pool.subnet}`,
      );
    for (const address of Object.values(pool.auxAddresses ?? {})) this.#reserve(address, pool.subnet);
    const isTiny = this.subnet.prefixLength >= this.subnet.bits - 1;
    if (!isTiny) {
      // The network's own address, and the broadcast address of IPv4.
      this.#taken.add(first(this.subnet));
      if (this.subnet.bits === 32) this.#taken.add(last(this.subnet));
    }
    if (pool.gateway !== undefined) {
      this.#reserve(pool.gateway, pool.subnet);
      this.gateway = pool.gateway;
    } else {
      // In the range when there is one, else the subnet's first.
      this.gateway = this.takeNext() ?? formatAddress(first(this.subnet), this.subnet.bits);
    }
  }

  #reserve(address: string, subnet: string): void {
    const parsed = parseAddress(address);
    if (!contains(this.subnet, parsed))
      throw new LongshoreError(
        "invalid",
        `invalid network config:\ninvalid gateway or auxiliary address ${address}: not in subnet ${subnet}`,
      );
    this.#taken.add(parsed.value);
  }

  has(address: string): boolean {
    return contains(this.subnet, parseAddress(address));
  }

  /** Takes `address`. Throws `forbidden` when it is taken. */
  take(address: string): void {
    const { value } = parseAddress(address);
    if (this.#taken.has(value)) throw new LongshoreError("forbidden", "Address already in use");
    this.#taken.add(value);
  }

  /** The lowest free address, or undefined when all are taken. */
  takeNext(): string | undefined {
    for (let value = first(this.#range); value <= last(this.#range); value++) {
      if (this.#taken.has(value)) continue;
      this.#taken.add(value);
      return formatAddress(value, this.subnet.bits);
    }
    return undefined;
  }

  release(address: string): void {
    if (address !== this.gateway) this.#taken.delete(parseAddress(address).value);
  }
}

/** A locally administered address made of the IPv4 address (or of the last four bytes of an IPv6 one), so that a reused address keeps its neighbours' caches right. */
export function macOf(address: string): string {
  const low = parseAddress(address).value & 0xffffffffn;
  const bytes = low.toString(16).padStart(8, "0").match(/../g) ?? [];
  return ["02", "42", ...bytes].join(":");
}

const MAC = /^([0-9a-f]{2})(:[0-9a-f]{2}){5}$/i;

/** Throws `invalid` when `mac` is no unicast hardware address. */
export function checkMac(mac: string): string {
  const head = MAC.exec(mac)?.[1];
  if (head === undefined || (Number.parseInt(head, 16) & 1) === 1)
    throw new LongshoreError("invalid", `invalid MAC address ${mac}`);
  return mac.toLowerCase();
}

/** Docker's order of default subnets: 172.17/16 to 172.31/16, then 192.168/16 in sixteen slices. */
export function* defaultSubnets(): Generator<Cidr> {
  for (let second = 17; second <= 31; second++) yield parseCidr(`172.${second}.0.0/16`);
  for (let third = 0; third < 256; third += 16) yield parseCidr(`192.168.${third}.0/20`);
}
