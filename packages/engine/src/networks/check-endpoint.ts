import { LongshoreError, messageOf } from "#kernel";
import { isIP } from "node:net";
import { checkMac } from "./address-pool.ts";
import { contains, parseAddress } from "./cidr.ts";
import type { EndpointSpec } from "./contract.ts";
import { endpointOptions } from "./endpoint-options.ts";
import { PREDEFINED, type NetworkBook } from "./network-book.ts";

type Asked = Pick<EndpointSpec, "ipv4" | "ipv6" | "macAddress" | "aliases" | "driverOptions">;

/**
 * What is wrong with an endpoint before there is one, all of it at once, as far as it can be told: the network may be made later. Answers
 * warnings. Throws `invalid` in Docker's words. Source: Docker Engine 28, validateEndpointSettings.
 */
export function checkEndpoint(book: NetworkBook, network: string, asked: Asked): readonly string[] {
  const wrong = [...addressFaults(book, network, asked)];
  if (asked.aliases.length > 0 && isPredefined(network))
    wrong.unshift("network-scoped alias is supported only for containers in user defined networks");
  const reading = (read: () => unknown): void => {
    try {
      read();
    } catch (error) {
      wrong.push(messageOf(error));
    }
  };
  let ignored: readonly string[] = [];
  reading(() => asked.macAddress !== undefined && checkMac(asked.macAddress));
  reading(() => (ignored = endpointOptions(asked).ignored));
  const list = wrong.length === 1 ? wrong : wrong.map((text) => `* ${text}`);
  if (wrong.length > 0) throw new LongshoreError("invalid", `invalid endpoint settings:\n${list.join("\n")}`);
  return ignored.map((name) => `endpoint option "${name}" means nothing on network ${network}. Discarded.`);
}

const isPredefined = (network: string): boolean => network === "default" || PREDEFINED.includes(network);

function* addressFaults(book: NetworkBook, network: string, { ipv4, ipv6 }: Asked): Generator<string> {
  const asked = [
    { address: ipv4, version: 4, bits: 32 },
    { address: ipv6, version: 6, bits: 128 },
  ] as const;
  if ((ipv4 ?? ipv6) !== undefined && isPredefined(network))
    yield "user specified IP address is supported on user defined networks only";
  for (const { address, version, bits } of asked) {
    if (address === undefined) continue;
    if (isIP(address) !== version || /^(0\.0\.0\.0|[0:]+)$/.test(address)) {
      yield `invalid IPv${version} address: ${address}`;
      continue;
    }
    const row = isPredefined(network)
      ? undefined
      : book.rows().find((one) => one.network.name === network || one.network.id === network);
    if (row === undefined) continue;
    const subnets = row.isSubnetChosen ? [] : book.pools(row.network.id).map(({ subnet }) => subnet);
    const own = subnets.filter((subnet) => subnet.bits === bits);
    if (own.length === 0)
      yield "user specified IP address is supported only when connecting to networks with user configured subnets";
    else if (!own.some((subnet) => contains(subnet, parseAddress(address))))
      yield `no configured subnet or ip-range contain the IP address ${address}`;
  }
}
