import path from "node:path";
import { errno, KeyedLocks, LongshoreError, messageOf, type Logger } from "#kernel";
import type { Events } from "#events";
import type { Table } from "#store";
import type { ThreadedDnsServer } from "#dns";
import type { NetworkThread, NftElement } from "#host";
import { defaultHostAddress, type Bridges } from "./bridges.ts";
import type { DnsSpec, Endpoint, EndpointSpec, Networks, Sandbox } from "./contract.ts";
import { Endpoints } from "./endpoints.ts";
import { portElements, type Filter } from "./filter.ts";
import type { NetworkBook } from "./network-book.ts";
import type { PortOwner, PublishedPorts } from "./published-ports.ts";
import { DNS_ADDRESS } from "./resolv-conf.ts";
import { SandboxDns } from "./sandbox-dns.ts";
import { endpointsOn, gatewaysOf, type EndpointRow, type SandboxRow } from "./sandbox-row.ts";

export interface SandboxParts {
  readonly kernel: NetworkThread;
  readonly dns: ThreadedDnsServer;
  readonly book: NetworkBook;
  readonly bridges: Bridges;
  readonly filter: Filter;
  readonly ports: PublishedPorts;
  readonly table: Table<SandboxRow>;
  readonly events: Events;
  readonly stateRoot: string;
  readonly hostDns: DnsSpec;
  readonly log: Logger;
}

type OpenSpec = Parameters<Networks["open"]>[0];

/** The sandboxes that are open, and every change to one. One lock per container; endpoints are reserved before the first wait. */
export class Sandboxes {
  readonly #parts: SandboxParts;
  readonly #locks = new KeyedLocks();
  /** What is open or being opened, newest last. The store follows. */
  readonly #rows = new Map<string, SandboxRow>();

  readonly #endpoints: Endpoints;
  readonly names: SandboxDns;

  constructor(parts: SandboxParts) {
    this.#parts = parts;
    this.#endpoints = new Endpoints(parts.book, parts.events);
    this.names = new SandboxDns({ ...parts, endpoints: this.#endpoints, rows: this.#rows });
    for (const [id, row] of parts.table.entries()) {
      this.#rows.set(id, row);
      for (const { endpoint } of row.endpoints)
        parts.book.retake(endpoint.networkId, [endpoint.ipv4, endpoint.ipv6]);
      parts.filter.remember(id, this.#elementsOf(row));
    }
  }

  get size(): number {
    return this.#rows.size;
  }
  endpointsOn(networkId: string): EndpointRow[] {
    return endpointsOn(this.#rows.values(), networkId);
  }
  get(containerId: string): Sandbox | undefined {
    const row = this.#rows.get(containerId);
    return row && this.#published(row);
  }
  pathOf(containerId: string): string {
    return path.join(this.#parts.stateRoot, "containers", containerId, "netns");
  }

  async open(spec: OpenSpec, signal: AbortSignal): Promise<Sandbox> {
    const { containerId } = spec;
    await using _ = await this.#locks.hold(containerId, signal);
    if (this.#rows.has(containerId)) await this.#drop(containerId);
    const { kernel, ports, filter, table } = this.#parts;
    await using undo = new AsyncDisposableStack();
    const endpoints: EndpointRow[] = [];
    for (const [at, wanted] of spec.endpoints.entries()) {
      const row = this.#endpoints.reserve(wanted.network, wanted.spec, `eth${at}`);
      undo.defer(() => this.#endpoints.release(row));
      endpoints.push(row);
    }
    const owner = this.#owner(containerId, endpoints, spec.endpoints[0]?.spec.containerName ?? "");
    let row: SandboxRow = {
      containerId,
      containerName: owner.containerName,
      path: this.pathOf(containerId),
      endpoints,
      wantedPorts: spec.ports,
      ports: [],
      dns: spec.dns,
      hasDns: this.names.isWanted(endpoints, spec.dns),
    };
    if (row.hasDns) this.#parts.dns.expect();
    undo.defer(() => this.names.renewZones(endpoints));
    // From here on its endpoints count: a network with a sandbox in the making is not removed.
    this.#rows.set(containerId, row);
    undo.defer(() => void this.#rows.delete(containerId));
    if (spec.ports.length > 0 && this.#endpoints.outward(endpoints)?.endpoint.ipv4 !== undefined) {
      row = { ...row, ports: await this.#publish(owner, endpoints, spec, signal) };
      undo.defer(() => ports.unpublish(containerId));
      this.#rows.set(containerId, row);
    }
    const elements = this.#elementsOf(row);
    // Sent together: the thread takes them in this order.
    const built = kernel.buildSandbox({
      file: row.path,
      plugs: endpoints.map((one) => this.#endpoints.plugOf(one)),
      gateways: gatewaysOf(endpoints, this.#endpoints.isInternal),
      sysctls: spec.sysctls ?? {},
      ...(row.hasDns && { dnsAddress: DNS_ADDRESS }),
    });
    const filtered = elements.length === 0 ? Promise.resolve() : filter.set(containerId, elements);
    undo.defer(() => filter.set(containerId, []));
    undo.defer(() =>
      kernel.dropSandbox(
        row.path,
        endpoints.map(({ hostName }) => hostName),
      ),
    );
    const [sockets] = await both(built, filtered);
    if (sockets !== undefined) {
      await this.#parts.dns.attach(
        containerId,
        { udpFd: sockets.udp.fd, tcpFd: sockets.tcp.fd },
        this.names.viewOf(row),
      );
      undo.defer(() => this.#parts.dns.detach(containerId));
    }
    await this.#forgetFlows(row);
    signal.throwIfAborted();
    await Promise.all([table.put(containerId, row, "kernel"), this.names.renewZones(endpoints)]);
    undo.move();
    for (const one of endpoints) this.#endpoints.announce("connect", one);
    return this.#published(row);
  }

  async close(containerId: string): Promise<void> {
    await using _ = await this.#locks.hold(containerId);
    await this.#drop(containerId);
  }

  async connect(
    containerId: string,
    network: string,
    spec: EndpointSpec,
    signal: AbortSignal,
  ): Promise<Endpoint> {
    await using _ = await this.#locks.hold(containerId, signal);
    const before = this.#need(containerId);
    const { id, name } = this.#parts.book.find(network);
    if (before.endpoints.some(({ endpoint }) => endpoint.networkId === id))
      throw new LongshoreError(
        "forbidden",
        `endpoint with name ${spec.containerName} already exists in network ${name}`,
      );
    const used = new Set(before.endpoints.map((one) => one.interfaceName));
    let number = 0;
    while (used.has(`eth${number}`)) number++;
    await using undo = new AsyncDisposableStack();
    const added = this.#endpoints.reserve(network, spec, `eth${number}`);
    undo.defer(() => this.#endpoints.release(added));
    await this.#parts.kernel.plug(before.path, this.#endpoints.plugOf(added));
    undo.defer(() => this.#parts.kernel.unplug(before.path, added.interfaceName, added.hostName));
    signal.throwIfAborted();
    const row = await this.#changeEndpoints(before, [...before.endpoints, added], signal);
    undo.move();
    await this.names.renewZones([added]);
    this.#endpoints.announce("connect", added);
    this.#parts.log.debug("endpoint connected", { container: row.containerId, network: name });
    return added.endpoint;
  }

  async disconnect(containerId: string, network: string): Promise<void> {
    const { signal } = new AbortController();
    await using _ = await this.#locks.hold(containerId, signal);
    const before = this.#need(containerId);
    const { id, name } = this.#parts.book.find(network);
    const gone = before.endpoints.find(({ endpoint }) => endpoint.networkId === id);
    if (gone === undefined)
      throw new LongshoreError("forbidden", `container ${containerId} is not connected to network ${name}`);
    await this.#parts.kernel.unplug(before.path, gone.interfaceName, gone.hostName);
    await this.#changeEndpoints(
      before,
      before.endpoints.filter((one) => one !== gone),
      signal,
    );
    this.#endpoints.release(gone);
    await this.names.renewZones([gone]);
    this.#endpoints.announce("disconnect", gone);
  }

  rename(containerId: string, newName: string): void {
    const before = this.#rows.get(containerId);
    if (before === undefined) return;
    const renamed = (one: EndpointRow): EndpointRow => ({
      ...one,
      spec: { ...one.spec, containerName: newName },
      endpoint: {
        ...one.endpoint,
        dnsNames: [newName, ...one.endpoint.dnsNames.filter((name) => name !== before.containerName)],
      },
    });
    const row = { ...before, containerName: newName, endpoints: before.endpoints.map(renamed) };
    this.#rows.set(containerId, row);
    const settled = Promise.all([
      this.#parts.table.put(containerId, row, "kernel"),
      this.names.renewZones(row.endpoints),
    ]);
    settled.catch((error: unknown) =>
      this.#parts.log.error("a rename did not reach the store or DNS", { container: containerId, error }),
    );
  }

  /** Keeps the sandboxes of `running`, removes all others, and every pin that no record names. */
  async adopt(running: ReadonlySet<string>): Promise<void> {
    const { kernel, stateRoot, log } = this.#parts;
    for (const [id, row] of this.#rows) {
      const isKept =
        running.has(id) &&
        row.endpoints.every(({ endpoint }) => this.#parts.book.has(endpoint.networkId)) &&
        (await kernel.isPinned(row.path));
      if (!isKept) {
        await this.#drop(id);
        continue;
      }
      try {
        await this.#takeOver(row);
      } catch (error) {
        log.error("a running container's network could not be taken over in full", { container: id, error });
      }
    }
    const known = new Set([...this.#rows.values()].map((row) => row.path));
    for (const pin of await kernel.listPins(path.join(stateRoot, "containers")))
      if (!known.has(pin)) await kernel.dropSandbox(pin, []);
    await this.names.renewZones([...this.#rows.values()].flatMap((row) => row.endpoints));
  }

  async counters(containerId: string): ReturnType<Networks["counters"]> {
    return this.#parts.kernel.counters(this.#need(containerId).path);
  }

  /** Lets go of sockets; the sandboxes stay. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#rows.keys()) await this.#parts.ports.unpublish(id);
  }

  async #takeOver(row: SandboxRow): Promise<void> {
    const { ports } = this.#parts;
    if (row.ports.length > 0) {
      const outward = this.#endpoints.outward(row.endpoints);
      if (outward !== undefined) await this.#parts.bridges.allowLocalRoute(outward.bridge);
      await ports.adopt(this.#owner(row.containerId, row.endpoints, row.containerName), row.ports);
    }
    if (row.hasDns) await this.names.open(row);
  }

  /** Everything that hangs on the endpoints of an open sandbox: default routes, ports, DNS, the record. */
  async #changeEndpoints(
    before: SandboxRow,
    endpoints: readonly EndpointRow[],
    signal: AbortSignal,
  ): Promise<SandboxRow> {
    const { kernel, dns, ports, filter, table } = this.#parts;
    const { containerId } = before;
    let row: SandboxRow = {
      ...before,
      endpoints,
      hasDns: before.hasDns || this.names.isWanted(endpoints, before.dns),
    };
    const routesBefore = gatewaysOf(before.endpoints, this.#endpoints.isInternal);
    const routes = gatewaysOf(endpoints, this.#endpoints.isInternal);
    if (routes.join() !== routesBefore.join())
      await kernel.reroute(
        row.path,
        routesBefore.filter((gateway) => !routes.includes(gateway)),
        routes.filter((gateway) => !routesBefore.includes(gateway)),
      );
    const target = this.#endpoints.outward(endpoints);
    if (row.wantedPorts.length > 0 && target !== this.#endpoints.outward(before.endpoints)) {
      await ports.unpublish(containerId);
      const owner = this.#owner(containerId, endpoints, row.containerName);
      // Ports that were chosen stay what they were.
      const again = row.ports.length > 0 ? row.ports : row.wantedPorts;
      const reachable = target?.endpoint.ipv4 !== undefined;
      row = {
        ...row,
        ports: reachable ? await this.#publish(owner, endpoints, { ports: again }, signal) : [],
      };
      await filter.set(containerId, this.#elementsOf(row));
      await this.#forgetFlows(row);
    }
    if (row.hasDns && !before.hasDns) await this.names.open(row);
    else if (row.hasDns) await dns.update(containerId, this.names.viewOf(row));
    this.#rows.set(containerId, row);
    await table.put(containerId, row, "kernel");
    return row;
  }

  async #publish(
    owner: PortOwner,
    endpoints: readonly EndpointRow[],
    spec: Pick<OpenSpec, "ports">,
    signal: AbortSignal,
  ): Promise<SandboxRow["ports"]> {
    const outward = this.#endpoints.outward(endpoints);
    if (outward === undefined) return [];
    const network = this.#endpoints.network(outward.endpoint.networkId);
    await this.#parts.bridges.allowLocalRoute(outward.bridge);
    return this.#parts.ports.publish(owner, spec.ports, defaultHostAddress(network), signal);
  }

  async #drop(containerId: string): Promise<void> {
    const row = this.#rows.get(containerId);
    if (row === undefined) return;
    const { kernel, dns, ports, filter, table, log } = this.#parts;
    const gone = async (what: string, work: Promise<unknown>): Promise<void> => {
      try {
        await work;
      } catch (error) {
        log.error("a part of a sandbox could not be removed", {
          container: containerId,
          part: what,
          error: messageOf(error),
          code: errno(error),
        });
      }
    };
    await Promise.all([
      gone("rules", filter.set(containerId, [])),
      // The sockets would keep the namespace alive.
      gone("dns", dns.detach(containerId)),
      gone(
        "namespace",
        kernel.dropSandbox(
          row.path,
          row.endpoints.map(({ hostName }) => hostName),
        ),
      ),
      gone("ports", ports.unpublish(containerId)),
      gone("flows", this.#forgetFlows(row)),
    ]);
    this.#rows.delete(containerId);
    for (const one of row.endpoints) this.#endpoints.release(one);
    await Promise.all([table.remove(containerId, "kernel"), this.names.renewZones(row.endpoints)]);
    for (const one of row.endpoints) this.#endpoints.announce("disconnect", one);
  }

  #elementsOf(row: SandboxRow): NftElement[] {
    const address = this.#endpoints.outward(row.endpoints)?.endpoint.ipv4;
    if (address === undefined) return [];
    return row.ports
      .filter((port) => !port.hostAddress.includes(":"))
      .flatMap((port) => portElements({ ...port, address }));
  }

  /** UDP flows that go the way they went before this sandbox came or went. */
  async #forgetFlows(row: SandboxRow): Promise<void> {
    const ports = row.ports.filter((port) => port.protocol === "udp").map((port) => port.hostPort);
    if (ports.length === 0) return;
    const addresses = row.endpoints.map(({ endpoint }) => endpoint.ipv4).filter((one) => one !== undefined);
    await this.#parts.kernel.forgetUdpFlows(ports, addresses);
  }

  #published(row: SandboxRow): Sandbox {
    return {
      containerId: row.containerId,
      path: row.path,
      endpoints: row.endpoints.map(({ endpoint }) => endpoint),
      ports: row.ports,
      resolvConf: this.names.resolvConfOf(row),
    };
  }

  #owner(containerId: string, endpoints: readonly EndpointRow[], containerName: string): PortOwner {
    const outward = this.#endpoints.outward(endpoints);
    return {
      containerId,
      containerName,
      endpointId: outward?.endpoint.endpointId ?? "",
      address: outward?.endpoint.ipv4 ?? "",
    };
  }
  #need(containerId: string): SandboxRow {
    const row = this.#rows.get(containerId);
    if (row === undefined) throw new LongshoreError("conflict", `container ${containerId} is not running`);
    return row;
  }
}

/** Both settled before the first failure is thrown, so that undoing meets nothing half done. */
async function both<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return [await one, await other];
}
