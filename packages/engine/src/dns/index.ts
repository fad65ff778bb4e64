import type { Logger } from "#kernel";
import type { DnsServer } from "./contract.ts";
import { openDnsThread } from "./dns-thread.ts";

export type * from "./contract.ts";

/** Opens the server in a thread of its own; it answers nothing until sandboxes are attached. */
export function openDnsServer(log: Logger): DnsServer {
  return openDnsThread(log.child("dns"));
}
