import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { KeyedLocks, LongshoreError, randomId, type Clock, type Logger } from "#kernel";
import { type Events, publishPrune } from "#events";
import type { ThreadedDnsServer } from "#dns";
import type { LoadRules, NetworkThread } from "#host";
import type { Store } from "#store";
import { Bridges, DEFAULT_BRIDGE, defaultBridgeOptions, mtuOf, rulesOf } from "./bridges.ts";
import { formatCidr, overlaps, parseCidr } from "./cidr.ts";
import type { Endpoint, EndpointSpec, Network, Networks, Sandbox } from "./contract.ts";

import { Filter } from "./filter.ts";
import { checkEndpoint } from "./check-endpoint.ts";
import { hasNames } from "./names.ts";
import { NetworkBook, PREDEFINED, type NetworkRow } from "./network-book.ts";
import { PublishedPorts, type HoldPort } from "./published-ports.ts";
import { readHostResolvConf } from "./resolv-conf.ts";
import type { SandboxRow } from "./sandbox-row.ts";
import { Sandboxes } from "./sandboxes.ts";

export interface NetworksDeps {
  readonly store: Store;
  readonly events: Events;
  readonly stateRoot: string;
  readonly dataRoot: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** Subnet of the default bridge; the first free default one when left out. */
  readonly bridgeSubnet?: string;
}
/** What stands between this room and Linux. */
export interface NetworkDrivers {
  readonly kernel: NetworkThread;
  readonly loadRules: LoadRules;
  readonly dns: ThreadedDnsServer;
  readonly hold: HoldPort;
}

/** Table name and mark of one engine: two state roots never share either. */
export function engineTag(stateRoot: string): string {
  return `longshore_${createHash("sha256").update(path.resolve(stateRoot)).digest("hex").slice(0, 8)}`;
}

/** Opens the room on any drivers; owns them from the call on. */
export async function openNetworkRoom(
  deps: NetworksDeps,
  drivers: NetworkDrivers,
  signal: AbortSignal,
): Promise<Networks> {
  await using undo = new AsyncDisposableStack();
  undo.use(drivers.dns);
  undo.use(drivers.kernel);
  const log = deps.log.child("networks");
  const tag = engineTag(deps.stateRoot);
  const book = new NetworkBook(
    deps.store.table("networks", 1, (row) => row as NetworkRow),
    deps.clock,
  );
  const filter = new Filter(drivers.kernel, drivers.loadRules, tag, log);
  const bridges = new Bridges(drivers.kernel, filter, tag, log);
  await ensurePredefined(book, bridges, deps.bridgeSubnet);
  const sandboxes = new Sandboxes({
    kernel: drivers.kernel,
    dns: drivers.dns,
    book,
    bridges,
    filter,
    ports: new PublishedPorts(drivers.hold, log, await ephemeralRange()),
    table: deps.store.table("sandboxes", 1, (row) => row as SandboxRow),
    events: deps.events,
    stateRoot: deps.stateRoot,
    hostDns: await readHostResolvConf(),
    log,
  });
  drivers.dns.onRestart(() => void sandboxes.names.renew());
  await bridges.removeStrangers(new Set(book.rows().map(({ network }) => network.id)));
  for (const row of book.rows()) {
    if (row.bridge === "") continue;
    try {
      const bridge = await bridges.ensure(row);
      if (bridge !== row.bridge) await book.keep({ ...row, bridge });
    } catch (error) {
      log.error("a network's bridge can't be made; its containers will not start", {
        network: row.network.name,
        error,
      });
    }
    filter.rememberBridge(rulesOf(book.row(row.network.id)));
  }
  await bridges.forwardIpv4();
  await filter.load(signal);
  const dropping = await drivers.kernel.listForwardDrops();
  if (dropping.length > 0)
    log.warn("other firewall tables drop forwarded packets; containers may not reach beyond this machine", {
      tables: dropping,
    });
  const room = new NetworkRoom({
    book,
    bridges,
    filter,
    sandboxes,
    deps,
    log,
    threads: drivers,
    drivers: undo.move(),
  });
  return room;
}

/** bridge, host and none exist always; the default bridge moves when its subnet is no longer free. */
async function ensurePredefined(
  book: NetworkBook,
  bridges: Bridges,
  bridgeSubnet: string | undefined,
): Promise<void> {
  const rows = book.rows();
  for (const [name, driver] of [
    ["host", "host"],
    ["none", "null"],
  ] as const) {
    if (rows.some(({ network }) => network.name === name)) continue;
    await book.keep({
      ...book.describe({ name, driver, hasIpv4: false }, randomId(), []),
      bridge: "",
    });
  }
  const before = rows.find(({ network }) => network.name === "bridge");
  const inUse = await bridges.rangesInUse(rows.map(({ bridge }) => bridge));
  const subnetBefore = before?.network.ipam.pools[0]?.subnet;
  const isKept =
    subnetBefore !== undefined &&
    (bridgeSubnet === undefined
      ? !inUse.some((range) => overlaps(range, parseCidr(subnetBefore)))
      : formatCidr(parseCidr(bridgeSubnet)) === subnetBefore);
  const bridge = before?.bridge ?? DEFAULT_BRIDGE;
  const options = defaultBridgeOptions(bridge);
  if (before !== undefined && isKept) {
    // An engine before this one told none.
    if (Object.keys(before.network.options).length === 0)
      await book.keep({ ...before, network: { ...before.network, options } });
    return;
  }
  if (before !== undefined) await book.forget(before.network.id);
  const pools = bridgeSubnet === undefined ? [] : [{ subnet: formatCidr(parseCidr(bridgeSubnet)) }];
  const planned = book.describe(
    { name: "bridge", driver: "bridge", options, ipam: { pools } },
    before?.network.id ?? randomId(),
    inUse,
  );
  await book.keep({ ...planned, isSubnetChosen: true });
}

interface RoomParts {
  readonly book: NetworkBook;
  readonly bridges: Bridges;
  readonly filter: Filter;
  readonly sandboxes: Sandboxes;
  readonly deps: NetworksDeps;
  readonly log: Logger;
  readonly threads: Pick<NetworkDrivers, "kernel" | "dns">;
  readonly drivers: AsyncDisposableStack;
}

class NetworkRoom implements Networks {
  readonly #parts: RoomParts;
  readonly #locks = new KeyedLocks();

  constructor(parts: RoomParts) {
    this.#parts = parts;
  }

  get(name: string): Network {
    return this.#parts.book.find(name);
  }
  list(): readonly Network[] {
    return this.#parts.book.rows().map(({ network }) => network);
  }

  async create(
    spec: Parameters<Networks["create"]>[0],
    signal: AbortSignal,
  ): Promise<{ network: Network; warning: string }> {
    const { book, bridges, filter } = this.#parts;
    // One at a time: two plans must not choose the same subnet.
    await using _ = await this.#locks.hold("create", signal);
    const inUse = await bridges.rangesInUse(book.rows().map(({ bridge }) => bridge));
    const row = book.plan(spec, inUse);
    mtuOf(row.network);
    await using undo = new AsyncDisposableStack();
    await bridges.ensure(row);
    undo.defer(() => bridges.remove(row.bridge));
    await filter.addBridge(rulesOf(row));
    signal.throwIfAborted();
    await book.keep(row);
    undo.move();
    this.#announce("create", row.network);
    return { network: row.network, warning: "" };
  }

  async remove(name: string): Promise<void> {
    const { book, bridges, sandboxes } = this.#parts;
    const network = book.find(name);
    if (PREDEFINED.includes(network.name))
      throw new LongshoreError("forbidden", `${network.name} is a pre-defined network and cannot be removed`);
    const active = sandboxes.endpointsOn(network.id);
    if (active.length > 0) {
      const names = active.map(
        ({ endpoint, spec }) => `name:"${spec.containerName}" id:"${endpoint.endpointId.slice(0, 12)}"`,
      );
      throw new LongshoreError(
        "forbidden",
        `error while removing network: network ${network.name} has active endpoints (${names.join(", ")})`,
      );
    }
    const { bridge } = book.row(network.id);
    // Forgotten in memory at once, so that nobody connects to it meanwhile; a crash after this leaves a bridge that no record names.
    await book.forget(network.id);
    await bridges.remove(bridge);
    this.#announce("destroy", network);
  }

  async prune(matches: (network: Network) => boolean): Promise<readonly string[]> {
    const removed: string[] = [];
    for (const network of this.list()) {
      if (PREDEFINED.includes(network.name) || !matches(network)) continue;
      if (this.#parts.sandboxes.endpointsOn(network.id).length > 0) continue;
      await this.remove(network.id);
      removed.push(network.name);
    }
    publishPrune(this.#parts.deps.events, "network", 0);
    return removed;
  }

  endpoints(networkId: string): readonly Endpoint[] {
    return this.#parts.sandboxes.endpointsOn(networkId).map(({ endpoint }) => endpoint);
  }
  check(network: string, spec: Parameters<Networks["check"]>[1]): readonly string[] {
    return checkEndpoint(this.#parts.book, network, spec);
  }
  expect(networks: readonly string[]): void {
    if (networks.length === 0 || networks.includes("host")) return;
    const { kernel, dns } = this.#parts.threads;
    kernel.expect();
    if (this.list().some((network) => networks.includes(network.name) && hasNames(network))) dns.expect();
  }
  async open(spec: Parameters<Networks["open"]>[0], signal: AbortSignal): Promise<Sandbox> {
    return this.#parts.sandboxes.open(spec, signal);
  }
  async close(containerId: string): Promise<void> {
    await this.#parts.sandboxes.close(containerId);
  }
  async connect(
    containerId: string,
    network: string,
    spec: EndpointSpec,
    signal: AbortSignal,
  ): Promise<Endpoint> {
    return this.#parts.sandboxes.connect(containerId, network, spec, signal);
  }
  async disconnect(containerId: string, network: string): Promise<void> {
    await this.#parts.sandboxes.disconnect(containerId, network);
  }
  sandbox(containerId: string): Sandbox | undefined {
    return this.#parts.sandboxes.get(containerId);
  }
  rename(containerId: string, newName: string): void {
    this.#parts.sandboxes.rename(containerId, newName);
  }
  async adopt(running: ReadonlySet<string>): Promise<void> {
    await this.#parts.sandboxes.adopt(running);
  }
  counters(containerId: string): ReturnType<Networks["counters"]> {
    return this.#parts.sandboxes.counters(containerId);
  }

  #announce(action: "create" | "destroy", { id, name, driver }: Network): void {
    this.#parts.deps.events.publish({
      type: "network",
      action,
      actorId: id,
      attributes: { name, type: driver },
    });
  }

  /** Running sandboxes stay for the next engine; without any, nothing of this engine is left in the kernel. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { book, bridges, filter, sandboxes, drivers, log } = this.#parts;
    if (drivers.disposed) return;
    await sandboxes[Symbol.asyncDispose]();
    if (sandboxes.size === 0) {
      try {
        for (const { bridge } of book.rows()) if (bridge !== "") await bridges.remove(bridge);
        await filter.unload();
      } catch (error) {
        log.warn("bridges or rules are left behind; the next start removes them", { error });
      }
    }
    await drivers.disposeAsync();
  }
}

async function ephemeralRange(): Promise<{ first: number; last: number }> {
  const found = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() => "");
  const [first = Number.NaN, last = Number.NaN] = found.trim().split(/\s+/).map(Number);
  return first > 0 && last > first ? { first, last } : { first: 32_768, last: 60_999 };
}
