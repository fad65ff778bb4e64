import type { ThreadedDnsServer } from "#dns";
import type { NetworkThread } from "#host";
import type { Logger } from "#kernel";
import type { DnsSpec } from "./contract.ts";
import type { Endpoints } from "./endpoints.ts";
import { hasNames, viewOf, zoneOf } from "./names.ts";
import type { NetworkBook } from "./network-book.ts";
import { DNS_ADDRESS, formatOwnResolvConf, formatResolvConf, isLoopback, merged } from "./resolv-conf.ts";
import { endpointsOn, type EndpointRow, type SandboxRow } from "./sandbox-row.ts";

export interface SandboxDnsParts {
  readonly kernel: NetworkThread;
  readonly dns: ThreadedDnsServer;
  readonly book: NetworkBook;
  readonly endpoints: Endpoints;
  readonly hostDns: DnsSpec;
  readonly log: Logger;
  /** The sandboxes that are open; changed by their owner only. */
  readonly rows: ReadonlyMap<string, SandboxRow>;
}

/** Names in sandboxes: who is asked for them, what is answered, and to whom. */
export class SandboxDns {
  readonly #parts: SandboxDnsParts;

  constructor(parts: SandboxDnsParts) {
    this.#parts = parts;
  }

  /** Where names are answered by this engine. */
  isWanted(endpoints: readonly EndpointRow[], dns: DnsSpec): boolean {
    if (endpoints.some(({ endpoint }) => hasNames(this.#parts.endpoints.network(endpoint.networkId))))
      return true;
    // On the default bridge only when the host's servers can't be reached from inside.
    const { servers } = merged(dns, this.#parts.hostDns);
    return endpoints.length > 0 && servers.length > 0 && servers.every(isLoopback);
  }

  /** The resolv.conf of a sandbox. */
  resolvConfOf(row: SandboxRow): string {
    const dns = merged(row.dns, this.#parts.hostDns);
    const servers = dns.servers.filter((server) => !isLoopback(server));
    return row.hasDns ? formatOwnResolvConf(dns) : formatResolvConf({ ...dns, servers });
  }

  /** Serves a sandbox by sockets in its namespace. */
  async open(row: SandboxRow): Promise<void> {
    const { kernel, dns } = this.#parts;
    const { udp, tcp } = await kernel.openDnsSockets(row.path, DNS_ADDRESS);
    await dns.attach(row.containerId, { udpFd: udp.fd, tcpFd: tcp.fd }, this.viewOf(row));
  }

  /** Tells the server who is on the endpoints' networks now. */
  async renewZones(endpoints: readonly EndpointRow[]): Promise<void> {
    for (const id of new Set(endpoints.map(({ endpoint }) => endpoint.networkId))) {
      if (!this.#parts.book.has(id) || !hasNames(this.#parts.endpoints.network(id))) continue;
      const on = endpointsOn(this.#parts.rows.values(), id);
      await this.#parts.dns.setZone(
        id,
        on.length === 0 ? undefined : zoneOf(this.#parts.endpoints.network(id), on),
      );
    }
  }

  /** Gives a DNS server that was begun anew what the one before knew: new sockets in every sandbox, and all names. */
  async renew(): Promise<void> {
    const { log } = this.#parts;
    const rows = [...this.#parts.rows.values()];
    for (const row of rows) {
      if (!row.hasDns || !this.#parts.rows.has(row.containerId)) continue;
      try {
        await this.open(row);
      } catch (error) {
        log.error("a container has no names any more", { container: row.containerId, error });
      }
    }
    await this.renewZones(rows.flatMap((row) => row.endpoints)).catch((error: unknown) =>
      log.error("names could not be given to the DNS server again", { error }),
    );
  }

  viewOf(row: SandboxRow): ReturnType<typeof viewOf> {
    return viewOf(
      row,
      [...this.#parts.rows.values()],
      (id) => this.#parts.endpoints.network(id),
      this.#parts.hostDns,
    );
  }
}
