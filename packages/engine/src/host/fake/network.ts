import net from "node:net";
import { errno } from "#kernel";
import type {
  DnsSockets,
  HostBridge,
  LinkCounters,
  LoadRules,
  NetworkKernel,
  NetworkThread,
  NftElement,
  Plug,
  Subnet,
} from "../contract.ts";
import { openInetSocket } from "../linux/inet-socket.ts";
import { NetworkCallError } from "../linux/network-thread.ts";
import { FakeTables } from "./nft-tables.ts";

interface Bridge {
  readonly alias: string;
  readonly addresses: Subnet[];
}
interface Sandbox {
  readonly plugs: Map<string, Plug>;
  readonly gateways: Set<string>;
}

const refuse = (code: string, what: string): Error => new NetworkCallError(`${code}: ${what}`, code);
/** The settings that this kernel has; `*` is a link's name, or `all` or `default`. */
const HOST_SETTINGS =
  /^net\.(ipv4\.ip_forward|ipv6\.conf\.all\.forwarding|ipv4\.conf\.([^.]+)\.route_localnet)$/;
const SANDBOX_SETTINGS =
  /^net\.(ipv4\.(ip_forward|ip_unprivileged_port_start|ping_group_range)|core\.somaxconn)$/;
const NO_COUNTS: LinkCounters = {
  rxBytes: 0,
  rxPackets: 0,
  rxErrors: 0,
  rxDropped: 0,
  txBytes: 0,
  txPackets: 0,
  txErrors: 0,
  txDropped: 0,
};

/** A kernel without packets: what there is, who is on which bridge, and what Linux refuses. No process lives in its sandboxes, so one that is dropped is gone at once. */
export class FakeNetworkKernel implements NetworkKernel {
  readonly tables: FakeTables = new FakeTables();
  readonly #bridges = new Map<string, Bridge>();
  readonly #sandboxes = new Map<string, Sandbox>();
  readonly #settings = new Map<string, string>();

  /** Ends on a bridge. */
  portsOf(bridge: string): readonly string[] {
    return this.#plugs()
      .filter((plug) => plug.bridge === bridge)
      .map(({ hostName }) => hostName);
  }
  gatewaysOf(file: string): readonly string[] {
    return [...this.#sandbox(file).gateways];
  }
  addressesOf(file: string, name: string): readonly string[] {
    const { addresses = [] } = this.#sandbox(file).plugs.get(name) ?? {};
    return addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  }

  buildSandbox(spec: Parameters<NetworkKernel["buildSandbox"]>[0]): DnsSockets | undefined {
    this.#sandboxes.delete(spec.file);
    this.#sandboxes.set(spec.file, { plugs: new Map(), gateways: new Set() });
    try {
      for (const plug of spec.plugs) this.plug(spec.file, plug);
      this.reroute(spec.file, [], spec.gateways);
      checkSettings(spec.sysctls, []);
    } catch (error) {
      this.#sandboxes.delete(spec.file);
      throw error;
    }
    return spec.dnsAddress === undefined ? undefined : this.openDnsSockets(spec.file);
  }

  dropSandbox(file: string): void {
    this.#sandboxes.delete(file);
  }

  /** Descriptors of the machine's own loopback: the caller closes them as it must. */
  openDnsSockets(file: string): DnsSockets {
    this.#sandbox(file);
    return { udp: openInetSocket("udp", "127.0.0.1"), tcp: openInetSocket("tcp", "127.0.0.1") };
  }

  plug(file: string, plug: Plug): void {
    const { plugs } = this.#sandbox(file);
    if (!this.#bridges.has(plug.bridge)) throw refuse("ENODEV", plug.bridge);
    const isTaken =
      this.#bridges.has(plug.hostName) || this.#plugs().some(({ hostName }) => hostName === plug.hostName);
    if (isTaken || plugs.has(plug.name)) throw refuse("EEXIST", plug.hostName);
    checkSettings(plug.sysctls ?? {}, [...plugs.keys(), plug.name]);
    plugs.set(plug.name, plug);
  }

  unplug(file: string, name: string): void {
    this.#sandbox(file).plugs.delete(name);
    this.#dropRoutes(file);
  }

  reroute(file: string, remove: readonly string[], add: readonly string[]): void {
    const { gateways, plugs } = this.#sandbox(file);
    for (const gateway of remove) gateways.delete(gateway);
    for (const gateway of add) {
      if (!isReachable(gateway, plugs.values())) throw refuse("ENETUNREACH", gateway);
      gateways.add(gateway);
    }
  }

  counters(file: string): Record<string, LinkCounters> {
    return Object.fromEntries([...this.#sandbox(file).plugs.keys()].map((name) => [name, NO_COUNTS]));
  }

  ensureBridge({ name, alias, addresses }: Parameters<NetworkKernel["ensureBridge"]>[0]): void {
    const isPort = this.#plugs().some(({ hostName }) => hostName === name);
    if (isPort || (this.#bridges.get(name)?.alias ?? alias) !== alias) throw refuse("EEXIST", name);
    const before = this.#bridges.get(name)?.addresses ?? [];
    const fresh = addresses.filter(({ address }) => before.every((one) => one.address !== address));
    this.#bridges.set(name, { alias, addresses: [...before, ...fresh] });
  }

  removeLink(name: string): void {
    this.#bridges.delete(name);
    for (const [file, { plugs }] of this.#sandboxes)
      for (const plug of plugs.values()) if (plug.hostName === name) this.unplug(file, plug.name);
  }

  listBridges(): HostBridge[] {
    return [...this.#bridges].map(([name, { alias }]) => ({ name, alias, isUp: true }));
  }

  listSubnets(exceptLinks: readonly string[]): Subnet[] {
    return [...this.#bridges].flatMap(([name, { addresses }]) =>
      exceptLinks.includes(name) ? [] : addresses,
    );
  }

  changeElements(table: string, add: readonly NftElement[], remove: readonly NftElement[]): void {
    try {
      this.tables.change(table, add, remove);
    } catch (error) {
      if (errno(error) !== "ENOENT" || remove.length === 0) throw error;
      for (const element of remove)
        try {
          this.tables.change(table, [], [element]);
        } catch (again) {
          if (errno(again) !== "ENOENT") throw again;
        }
      this.tables.change(table, add, []);
    }
  }

  removeTable(table: string): void {
    this.tables.remove(table);
  }
  listForwardDrops(): string[] {
    return this.tables.forwardDrops();
  }
  forgetUdpFlows(): void {}

  listPins(folder: string): string[] {
    return [...this.#sandboxes.keys()].filter(
      (file) => /^[^/]+\/netns$/.test(file.slice(folder.length + 1)) && file.startsWith(`${folder}/`),
    );
  }
  isPinned(file: string): boolean {
    return this.#sandboxes.has(file);
  }

  setHostSysctl(name: string, value: string): boolean {
    if (!isSettingName(name)) throw refuse("EINVAL", name);
    const link = HOST_SETTINGS.exec(name);
    if (link === null) return false;
    const wanted = link[2]?.replaceAll("/", ".");
    if (wanted !== undefined && !["all", "default"].includes(wanted) && !this.#bridges.has(wanted))
      return false;
    this.#settings.set(name, value);
    return true;
  }

  #sandbox(file: string): Sandbox {
    const found = this.#sandboxes.get(file);
    if (found === undefined) throw refuse("ENOENT", file);
    return found;
  }
  #plugs(): Plug[] {
    return [...this.#sandboxes.values()].flatMap(({ plugs }) => [...plugs.values()]);
  }
  /** A route goes with the last interface that led to its gateway. */
  #dropRoutes(file: string): void {
    const { gateways, plugs } = this.#sandbox(file);
    for (const gateway of gateways) if (!isReachable(gateway, plugs.values())) gateways.delete(gateway);
  }
}

/** A slash stands for a dot in a name (sysctl(8)); none may lead out of /proc/sys. */
function isSettingName(name: string): boolean {
  return name.split(".").every((part) => /^[\w/:-]+$/.test(part) && part !== "/" && part !== "//");
}

/** What a sandbox lets be set: a few settings of its own, and `log_martians` of its interfaces. */
function checkSettings(settings: Readonly<Record<string, string>>, interfaces: readonly string[]): void {
  for (const name of Object.keys(settings)) {
    if (!isSettingName(name)) throw refuse("EINVAL", name);
    const own = /^net\.ipv4\.conf\.([^.]+)\.log_martians$/.exec(name)?.[1];
    const isOwn = own !== undefined && interfaces.includes(own.replaceAll("/", "."));
    if (!isOwn && !SANDBOX_SETTINGS.test(name)) throw refuse("ENOENT", name);
  }
}

function isReachable(gateway: string, plugs: Iterable<Plug>): boolean {
  for (const { addresses } of plugs)
    for (const { address, prefixLength } of addresses) {
      const family = net.isIPv6(address) ? "ipv6" : "ipv4";
      const own = new net.BlockList();
      own.addSubnet(address, prefixLength, family);
      if (own.check(gateway, net.isIPv6(gateway) ? "ipv6" : "ipv4")) return true;
    }
  return false;
}

/** `kernel` behind the thread's interface: what it throws is thrown later, and after dispose nothing is reached. */
export function fakeNetworkThread(kernel: NetworkKernel = new FakeNetworkKernel()): NetworkThread {
  let hasEnded = false;
  const dispose = async (): Promise<void> => void (hasEnded = true);
  return new Proxy({} as NetworkThread, {
    get: (_target, property) => {
      if (property === Symbol.asyncDispose) return dispose;
      if (property === "expect") return () => {};
      if (typeof property === "symbol" || property === "then") return undefined;
      return async (...given: readonly unknown[]) => {
        if (hasEnded) throw new Error("the network thread has ended");
        // The caller's type is NetworkKernel itself, so name and arguments fit.
        const call = kernel[property as keyof NetworkKernel] as (...given: readonly unknown[]) => unknown;
        return call.apply(kernel, [...given]);
      };
    },
  });
}

/** nft's command line for the tables of a fake kernel. */
export function fakeLoadRules(kernel: FakeNetworkKernel): LoadRules {
  return async (script, signal) => {
    signal.throwIfAborted();
    kernel.tables.load(script);
  };
}
