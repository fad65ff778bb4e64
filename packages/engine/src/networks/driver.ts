import type { NetworkThread, NftElement } from "#host";
import type { ThreadedDnsServer } from "#dns";

/** The kernel as this room sees it: the network thread. The fake stands behind the same interface. */
export type NetworkKernel = Pick<
  NetworkThread,
  | "buildSandbox"
  | "dropSandbox"
  | "openDnsSockets"
  | "plug"
  | "unplug"
  | "reroute"
  | "counters"
  | "ensureBridge"
  | "removeLink"
  | "listBridges"
  | "listSubnets"
  | "changeElements"
  | "removeTable"
  | "forgetUdpFlows"
  | "listForwardDrops"
  | "listPins"
  | "isPinned"
  | "setHostSysctl"
> &
  AsyncDisposable;

/** Replaces whole tables in one transaction; `script` is nft's own text. */
export type LoadRules = (script: string, signal: AbortSignal) => Promise<void>;

export type SandboxDns = ThreadedDnsServer;
export type { NftElement };
