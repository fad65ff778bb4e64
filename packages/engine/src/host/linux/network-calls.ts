import {
  closeSync,
  constants,
  openSync,
  readdirSync,
  readFileSync,
  statfsSync,
  writeFileSync,
} from "node:fs";
import os from "node:os";
import path from "node:path";
import { errno } from "#kernel";
import type {
  DnsSockets,
  HostBridge,
  LinkCounters,
  NetworkKernel,
  NftElement,
  Plug,
  Subnet,
} from "../contract.ts";
import { forgetUdpFlows } from "./conntrack.ts";
import { openInetSocket } from "./inet-socket.ts";
import { SystemCallError } from "./libc.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "./netlink-socket.ts";
import { HomeNamespace, unpin } from "./netns.ts";
import { changeElements, listForwardDrops, redirectDns, removeTable } from "./nftables.ts";
import * as rt from "./rtnetlink.ts";

const NSFS_MAGIC = 0x6e736673;

/** The network's system calls, synchronous, in the one thread that may change its namespace. Every method leaves that thread at home. */
export class NetworkCalls implements NetworkKernel, Disposable {
  readonly #home = new HomeNamespace();
  readonly #route = new NetlinkSocket(NETLINK_ROUTE);
  readonly #filter = new NetlinkSocket(NETLINK_NETFILTER);

  [Symbol.dispose](): void {
    this.#home[Symbol.dispose]();
    this.#route[Symbol.dispose]();
    this.#filter[Symbol.dispose]();
  }

  buildSandbox(spec: Parameters<NetworkKernel["buildSandbox"]>[0]): DnsSockets | undefined {
    let dns: DnsSockets | undefined;
    const made: string[] = [];
    // A socket stays in the namespace it was opened in, so the thread is home again for the rest.
    using inner = this.#home.inNew(spec.file, () => new NetlinkSocket(NETLINK_ROUTE));
    try {
      inner.request("loopback up", rt.setUp(1));
      this.#home.inside(spec.file, () => {
        for (const [name, value] of NEW_SANDBOX) setSysctl(name, value, true);
        if (spec.dnsAddress !== undefined) dns = openDns(spec.dnsAddress, false);
      });
      for (const plug of spec.plugs) {
        this.#plug(plug, spec.file, inner);
        made.push(plug.hostName);
      }
      if (spec.gateways.length > 0)
        inner.request("default routes", ...spec.gateways.map((gateway) => rt.newDefaultRoute(gateway)));
      // Last, so that what names an interface finds it.
      if (Object.keys(spec.sysctls).length > 0) this.#setSysctls(spec.file, spec.sysctls);
      return dns;
    } catch (error) {
      closeDns(dns);
      this.dropSandbox(spec.file, made);
      throw error;
    }
  }

  dropSandbox(file: string, hostNames: readonly string[]): void {
    this.#unbridge(hostNames);
    unpin(file);
  }

  openDnsSockets(file: string, address: string): DnsSockets {
    return this.#home.inside(file, () => openDns(address, true));
  }

  plug(file: string, plug: Plug): void {
    using inner = this.#home.inside(file, () => new NetlinkSocket(NETLINK_ROUTE));
    this.#plug(plug, file, inner);
  }

  unplug(file: string, name: string, hostName: string): void {
    this.#unbridge([hostName]);
    this.#home.inside(file, () => {
      using inner = new NetlinkSocket(NETLINK_ROUTE);
      const link = rt.listLinks(inner).find((one) => one.name === name);
      if (link !== undefined) inner.request(`remove ${name}`, rt.removeLink(link.index));
    });
  }

  reroute(file: string, remove: readonly string[], add: readonly string[]): void {
    this.#home.inside(file, () => {
      using inner = new NetlinkSocket(NETLINK_ROUTE);
      for (const gateway of remove)
        tolerating(["ESRCH"], () => inner.request("remove default route", rt.removeDefaultRoute(gateway)));
      for (const gateway of add)
        tolerating(["EEXIST"], () => inner.request("default route", rt.newDefaultRoute(gateway)));
    });
  }

  counters(file: string): Record<string, LinkCounters> {
    return this.#home.inside(file, () => {
      using inner = new NetlinkSocket(NETLINK_ROUTE);
      const found: Record<string, LinkCounters> = {};
      for (const link of rt.listLinks(inner)) {
        if (link.index === 1) continue;
        const at = (index: number): number => link.counters[index] ?? 0;
        found[link.name] = {
          rxPackets: at(0),
          txPackets: at(1),
          rxBytes: at(2),
          txBytes: at(3),
          rxErrors: at(4),
          txErrors: at(5),
          rxDropped: at(6),
          txDropped: at(7),
        };
      }
      return found;
    });
  }

  ensureBridge(spec: Parameters<NetworkKernel["ensureBridge"]>[0]): void {
    const before = rt.listLinks(this.#route).find((link) => link.name === spec.name);
    if (before === undefined || before.alias !== spec.alias)
      this.#route.request(`new bridge ${spec.name}`, rt.newBridge(spec.name, spec.macAddress, spec.mtu));
    const index = rt.indexOf(this.#route, spec.name);
    this.#route.request(`alias of ${spec.name}`, rt.setAlias(index, spec.alias));
    const present = rt.listSubnets(this.#route).filter((subnet) => subnet.linkIndex === index);
    for (const subnet of spec.addresses) {
      const wanted = rt.addressBytes(subnet.address);
      if (present.some(({ address }) => rt.addressBytes(address).equals(wanted))) continue;
      this.#route.request(`address of ${spec.name}`, rt.newAddress(index, subnet));
    }
    this.#route.request(`${spec.name} up`, rt.setUp(index));
  }

  removeLink(name: string): void {
    const link = rt.listLinks(this.#route).find((one) => one.name === name);
    if (link !== undefined) this.#route.request(`remove ${name}`, rt.removeLink(link.index));
  }

  listBridges(): HostBridge[] {
    return rt
      .listLinks(this.#route)
      .filter((link) => link.kind === "bridge")
      .map(({ name, alias, isUp }) => ({ name, alias, isUp }));
  }

  listSubnets(exceptLinks: readonly string[]): Subnet[] {
    const except = new Set(
      rt
        .listLinks(this.#route)
        .filter((link) => exceptLinks.includes(link.name))
        .map((link) => link.index),
    );
    return rt
      .listSubnets(this.#route)
      .filter((subnet) => !except.has(subnet.linkIndex))
      .map(({ address, prefixLength }) => ({ address, prefixLength }));
  }

  changeElements(table: string, add: readonly NftElement[], remove: readonly NftElement[]): void {
    try {
      changeElements(this.#filter, table, { add, remove });
    } catch (error) {
      if (errno(error) !== "ENOENT" || remove.length === 0) throw error;
      // One missing element fails the batch as a whole, so each goes alone.
      for (const element of remove)
        tolerating(["ENOENT"], () => changeElements(this.#filter, table, { add: [], remove: [element] }));
      changeElements(this.#filter, table, { add, remove: [] });
    }
  }

  removeTable(table: string): void {
    tolerating(["ENOENT"], () => removeTable(this.#filter, table));
  }

  listForwardDrops(): string[] {
    return listForwardDrops(this.#filter);
  }

  forgetUdpFlows(hostPorts: readonly number[], addresses: readonly string[]): void {
    forgetUdpFlows(this.#filter, { hostPorts, addresses });
  }

  listPins(folder: string): string[] {
    try {
      return readdirSync(folder)
        .map((name) => path.join(folder, name, "netns"))
        .filter((file) => isPin(file) !== undefined);
    } catch (error) {
      if (errno(error) === "ENOENT") return [];
      throw error;
    }
  }

  isPinned(file: string): boolean {
    return isPin(file) === true;
  }

  setHostSysctl(name: string, value: string): boolean {
    return setSysctl(name, value, true);
  }

  #setSysctls(file: string, sysctls: Readonly<Record<string, string>>): void {
    this.#home.inside(file, () => {
      for (const [name, value] of Object.entries(sysctls)) setSysctl(name, value, false);
    });
  }

  /** On failure nothing is left, and a link that was there before stays. */
  #plug(plug: Plug, file: string, inner: NetlinkSocket): void {
    const namespaceFd = openSync(file, constants.O_RDONLY);
    try {
      this.#route.request(
        `new link ${plug.hostName}`,
        rt.newVeth({
          name: plug.hostName,
          mtu: plug.mtu,
          bridgeIndex: rt.indexOf(this.#route, plug.bridge),
          peerName: plug.name,
          peerMac: plug.macAddress,
          namespaceFd,
        }),
      );
    } finally {
      closeSync(namespaceFd);
    }
    try {
      this.#configure(plug, file, inner);
    } catch (error) {
      this.removeLink(plug.hostName);
      throw error;
    }
  }

  #configure(plug: Plug, file: string, inner: NetlinkSocket): void {
    this.#route.request(
      `port ${plug.hostName}`,
      rt.bridgePort(rt.indexOf(this.#route, plug.hostName), plug.isIsolated),
    );
    if (plug.addresses.some(({ address }) => address.includes(":")))
      this.#home.inside(file, () => setSysctl(`net.ipv6.conf.${plug.name}.disable_ipv6`, "0", true));
    const index = rt.indexOf(inner, plug.name);
    inner.request(
      `configure ${plug.name}`,
      ...plug.addresses.map((subnet) => rt.newAddress(index, subnet)),
      rt.setUp(index),
    );
    this.#setSysctls(file, plug.sysctls ?? {});
  }

  #unbridge(hostNames: readonly string[]): void {
    for (const name of hostNames)
      tolerating(["ENODEV", "EINVAL"], () =>
        this.#route.request(`unbridge ${name}`, rt.setMaster(rt.indexOf(this.#route, name), 0)),
      );
  }
}

function openDns(address: string, isReplacing: boolean): DnsSockets {
  const udp = openInetSocket("udp", address);
  try {
    const tcp = openInetSocket("tcp", address);
    try {
      using filter = new NetlinkSocket(NETLINK_NETFILTER);
      redirectDns(filter, address, { udp: udp.port, tcp: tcp.port }, isReplacing);
      return { udp, tcp };
    } catch (error) {
      closeSync(tcp.fd);
      throw error;
    }
  } catch (error) {
    closeSync(udp.fd);
    throw error;
  }
}

function closeDns(dns: DnsSockets | undefined): void {
  if (dns === undefined) return;
  closeSync(dns.udp.fd);
  closeSync(dns.tcp.fd);
}

/**
 * What a kernel that has it is told of a new namespace: addresses of IPv6 only where asked for, and as Docker does, low ports and echo
 * sockets for everybody in it.
 */
const NEW_SANDBOX: readonly (readonly [name: string, value: string])[] = [
  ["net.ipv6.conf.default.disable_ipv6", "1"],
  ["net.ipv4.ip_unprivileged_port_start", "0"],
  ["net.ipv4.ping_group_range", "0 2147483647"],
];

/** /proc/sys/net shows the namespace of the thread that looks. Dots separate, a slash stands for a dot in a name (sysctl(8)). */
function setSysctl(name: string, value: string, isOptional: boolean): boolean {
  const parts = name.split(".").map((part) => part.replaceAll("/", "."));
  if (!parts.every((part) => /^[\w.:-]+$/.test(part) && part !== ".." && part !== "."))
    throw new SystemCallError("sysctl", os.constants.errno.EINVAL, name);
  const file = path.join("/proc/sys", ...parts);
  try {
    if (isOptional && readFileSync(file, "utf8").trim() === value) return true;
    writeFileSync(file, value);
    return true;
  } catch (error) {
    if (isOptional) return false;
    throw error;
  }
}

/** True for a pin, false for a file that lies there without one, undefined when there is nothing. */
function isPin(file: string): boolean | undefined {
  try {
    return statfsSync(file).type === NSFS_MAGIC;
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function tolerating(codes: readonly string[], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!codes.includes(errno(error) ?? "")) throw error;
  }
}
