import net from "node:net";
import { LongshoreError } from "#kernel";

/** An address range: `base` is its first address as a number, `bits` 32 or 128. */
export interface Cidr {
  readonly base: bigint;
  readonly prefixLength: number;
  readonly bits: 32 | 128;
}

/** An address as a number with its width. Throws `invalid`. */
export function parseAddress(address: string): { value: bigint; bits: 32 | 128 } {
  if (net.isIPv4(address))
    return { value: address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n), bits: 32 };
  if (!net.isIPv6(address) || address.includes("%"))
    throw new LongshoreError("invalid", `invalid IP address "${address}"`);
  const groups = (part: string): bigint[] =>
    part === ""
      ? []
      : part.split(":").flatMap((group) => {
          if (!net.isIPv4(group)) return [BigInt(`0x${group}`)];
          const { value } = parseAddress(group);
          return [value >> 16n, value & 0xffffn];
        });
  const [head = "", tail] = address.split("::");
  const front = groups(head);
  const back = groups(tail ?? "");
  const middle = Array<bigint>(8 - front.length - back.length).fill(0n);
  return { value: [...front, ...middle, ...back].reduce((sum, part) => (sum << 16n) + part, 0n), bits: 128 };
}

/** The address in its usual text: dotted, or RFC 5952. */
export function formatAddress(value: bigint, bits: 32 | 128): string {
  if (bits === 32) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups: number[] = [];
  for (let at = 7n; at >= 0n; at--) groups.push(Number((value >> (at * 16n)) & 0xffffn));
  let best = { from: 0, length: 1 };
  for (let from = 0; from < 8; from++) {
    let length = 0;
    while (from + length < 8 && groups[from + length] === 0) length++;
    if (length > best.length) best = { from, length };
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(":");
  if (best.length === 1) return hex(groups);
  return `${hex(groups.slice(0, best.from))}::${hex(groups.slice(best.from + best.length))}`;
}

const sizeOf = (cidr: Cidr): bigint => 1n << BigInt(cidr.bits - cidr.prefixLength);

/** `10.0.0.0/24`; bits below the prefix are cleared. Throws `invalid`. */
export function parseCidr(text: string): Cidr {
  const [address = "", prefix = "", ...rest] = text.split("/");
  if (rest.length > 0 || !/^\d{1,3}$/.test(prefix) || net.isIP(address) === 0)
    throw new LongshoreError("invalid", `invalid CIDR address: ${text}`);
  const { value, bits } = parseAddress(address);
  const prefixLength = Number(prefix);
  if (prefixLength > bits) throw new LongshoreError("invalid", `invalid CIDR address: ${text}`);
  const shift = BigInt(bits - prefixLength);
  return { base: (value >> shift) << shift, prefixLength, bits };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.base, cidr.bits)}/${cidr.prefixLength}`;
}

export function first(cidr: Cidr): bigint {
  return cidr.base;
}
export function last(cidr: Cidr): bigint {
  return cidr.base + sizeOf(cidr) - 1n;
}

export function contains(cidr: Cidr, address: { value: bigint; bits: number }): boolean {
  return address.bits === cidr.bits && address.value >= first(cidr) && address.value <= last(cidr);
}

export function overlaps(one: Cidr, other: Cidr): boolean {
  return one.bits === other.bits && first(one) <= last(other) && first(other) <= last(one);
}
