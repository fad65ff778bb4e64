import { loadNftScript, openNetworkThread } from "#host";
import { openDnsServer } from "#dns";
import type { Networks } from "./contract.ts";
import { openNetworkRoom, type NetworksDeps } from "./network-room.ts";
import { holdHostPort } from "./published-ports.ts";

export type * from "./contract.ts";
export type { NetworksDeps } from "./network-room.ts";

/** Opens the room on this machine's kernel. Wants root; throws `unavailable` when nft is missing. */
export async function openNetworks(deps: NetworksDeps, signal: AbortSignal): Promise<Networks> {
  const drivers = {
    kernel: openNetworkThread(),
    loadRules: loadNftScript,
    dns: openDnsServer(deps.log),
    hold: holdHostPort,
  };
  return openNetworkRoom(deps, drivers, signal);
}
