import net from "node:net";
import os from "node:os";
import type { Subnet } from "../contract.ts";
import { SystemCallError } from "./libc.ts";
import {
  attribute,
  attributes,
  message,
  nested,
  NLM_F_CREATE,
  NLM_F_EXCL,
  number32,
  number8,
  text,
  textOf,
} from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";

/** Links, addresses and routes. Source: rtnetlink(7), linux/if_link.h, linux/if_addr.h. */

const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const IFF_UP = 1;
const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  master: 10,
  protocolInfo: 12,
  linkInfo: 18,
  alias: 20,
  stats64: 23,
  namespaceFd: 28,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_BRPORT_MODE = 4;
const IFLA_BRPORT_ISOLATED = 33;
const AF_BRIDGE = 7;
const IFA_F_NODAD = 0x02;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly alias: string;
  readonly isUp: boolean;
  readonly kind: string;
  readonly counters: readonly number[];
}
/** An address as its 4 or 16 bytes. */
export function addressBytes(address: string): Buffer {
  if (net.isIPv4(address)) return Buffer.from(address.split(".").map(Number));
  const [head = "", tail] = address.replace(/%.*$/, "").split("::");
  const groups = (part: string): number[] =>
    part === ""
      ? []
      : part.split(":").flatMap((group) => {
          if (net.isIPv4(group)) {
            const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
            return [a * 256 + b, c * 256 + d];
          }
          return [Number.parseInt(group, 16)];
        });
  const front = groups(head);
  const back = tail === undefined ? [] : groups(tail);
  const all = [...front, ...Array<number>(Math.max(0, 8 - front.length - back.length)).fill(0), ...back];
  const out = Buffer.alloc(16);
  for (const [at, group] of all.slice(0, 8).entries()) out.writeUInt16BE(group, at * 2);
  return out;
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups: string[] = [];
  for (let at = 0; at < 16; at += 2) groups.push(bytes.readUInt16BE(at).toString(16));
  return groups.join(":");
}

const macBytes = (mac: string): Buffer => Buffer.from(mac.replaceAll(":", ""), "hex");

function linkBody(index: number, flags = 0, change = 0, family = 0): Buffer {
  const body = Buffer.alloc(16);
  body[0] = family;
  body.writeInt32LE(index, 4);
  body.writeUInt32LE(flags, 8);
  body.writeUInt32LE(change, 12);
  return body;
}

export function newBridge(name: string, mac: string, mtu: number): Buffer {
  return message(
    RTM_NEWLINK,
    NLM_F_CREATE | NLM_F_EXCL,
    linkBody(0),
    text(IFLA.name, name),
    number32(IFLA.mtu, mtu),
    attribute(IFLA.address, macBytes(mac)),
    nested(IFLA.linkInfo, text(IFLA_INFO_KIND, "bridge")),
  );
}

/** A veth pair, one end on `bridgeIndex`, the other named `peerName` in the namespace behind `namespaceFd`. */
export function newVeth(pair: {
  name: string;
  mtu: number;
  bridgeIndex: number;
  peerName: string;
  peerMac: string;
  namespaceFd: number;
}): Buffer {
  const peer = Buffer.concat([
    linkBody(0),
    text(IFLA.name, pair.peerName),
    number32(IFLA.mtu, pair.mtu),
    attribute(IFLA.address, macBytes(pair.peerMac)),
    number32(IFLA.namespaceFd, pair.namespaceFd),
  ]);
  return message(
    RTM_NEWLINK,
    NLM_F_CREATE | NLM_F_EXCL,
    linkBody(0, IFF_UP, IFF_UP),
    text(IFLA.name, pair.name),
    number32(IFLA.mtu, pair.mtu),
    number32(IFLA.master, pair.bridgeIndex),
    nested(IFLA.linkInfo, text(IFLA_INFO_KIND, "veth"), nested(IFLA_INFO_DATA, nested(VETH_INFO_PEER, peer))),
  );
}

/** Hairpin lets a container reach its own published port where bridge-nf-call-iptables is on; isolated ports reach the bridge only. */
export function bridgePort(index: number, isIsolated: boolean): Buffer {
  return message(
    RTM_SETLINK,
    0,
    linkBody(index, 0, 0, AF_BRIDGE),
    nested(
      IFLA.protocolInfo,
      number8(IFLA_BRPORT_MODE, 1),
      number8(IFLA_BRPORT_ISOLATED, isIsolated ? 1 : 0),
    ),
  );
}

export function setAlias(index: number, alias: string): Buffer {
  return message(RTM_NEWLINK, 0, linkBody(index), attribute(IFLA.alias, Buffer.from(alias)));
}
export function setUp(index: number): Buffer {
  return message(RTM_NEWLINK, 0, linkBody(index, IFF_UP, IFF_UP));
}
/** Takes a link off its bridge: nothing more is heard of it there. */
export function setMaster(index: number, masterIndex: number): Buffer {
  return message(RTM_NEWLINK, 0, linkBody(index), number32(IFLA.master, masterIndex));
}
export function removeLink(index: number): Buffer {
  return message(RTM_DELLINK, 0, linkBody(index));
}

export function newAddress(index: number, subnet: Subnet): Buffer {
  const address = addressBytes(subnet.address);
  const isIpv4 = address.length === 4;
  const body = Buffer.alloc(8);
  body[0] = isIpv4 ? 2 : 10;
  body[1] = subnet.prefixLength;
  // Ports in hairpin mode hear their own duplicate-address probes, so that check is left out.
  body[2] = isIpv4 ? 0 : IFA_F_NODAD;
  body.writeInt32LE(index, 4);
  const more = [attribute(2, address), attribute(1, address)];
  if (isIpv4) more.push(attribute(4, broadcastOf(address, subnet.prefixLength)));
  return message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body, ...more);
}

function broadcastOf(address: Buffer, prefixLength: number): Buffer {
  const out = Buffer.alloc(4);
  const host = prefixLength >= 32 ? 0 : 0xffffffff >>> prefixLength;
  out.writeUInt32BE((address.readUInt32BE(0) | host) >>> 0);
  return out;
}

function routeMessage(type: number, flags: number, gateway: string): Buffer {
  const address = addressBytes(gateway);
  const RT_TABLE_MAIN = 254;
  const RTPROT_BOOT = 3;
  const RTN_UNICAST = 1;
  const body = Buffer.from([
    address.length === 4 ? 2 : 10,
    0,
    0,
    0,
    RT_TABLE_MAIN,
    RTPROT_BOOT,
    0,
    RTN_UNICAST,
    0,
    0,
    0,
    0,
  ]);
  return message(type, flags, body, attribute(5, address));
}

/** The default route by `gateway`; the link must be up already. */
export function newDefaultRoute(gateway: string): Buffer {
  return routeMessage(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, gateway);
}
export function removeDefaultRoute(gateway: string): Buffer {
  return routeMessage(RTM_DELROUTE, 0, gateway);
}

/** Every link of the socket's namespace. Counters: rx packets, tx packets, rx bytes, tx bytes, rx errors, tx errors, rx dropped, tx dropped. */
export function listLinks(socket: NetlinkSocket): Link[] {
  return socket.dump("list links", RTM_GETLINK, linkBody(0)).map(({ body }) => {
    const found = attributes(body, 16);
    const info = found.get(IFLA.linkInfo);
    const stats = found.get(IFLA.stats64);
    const counters: number[] = [];
    for (let at = 0; stats !== undefined && at < 64; at += 8)
      counters.push(Number(stats.readBigUInt64LE(at)));
    return {
      index: body.readInt32LE(4),
      name: textOf(found.get(IFLA.name)) ?? "",
      alias: textOf(found.get(IFLA.alias)) ?? "",
      isUp: (body.readUInt32LE(8) & IFF_UP) !== 0,
      kind: (info && textOf(attributes(info, 0).get(IFLA_INFO_KIND))) ?? "",
      counters,
    };
  });
}

/** Address ranges that the namespace uses: of its interfaces and of its routes (default routes left out). */
export function listSubnets(socket: NetlinkSocket): (Subnet & { readonly linkIndex: number })[] {
  const found: (Subnet & { linkIndex: number })[] = [];
  for (const { body } of socket.dump("list addresses", RTM_GETADDR, Buffer.alloc(8))) {
    const address = attributes(body, 8).get(2) ?? attributes(body, 8).get(1);
    if (address !== undefined)
      found.push({
        address: addressText(address),
        prefixLength: body[1] ?? 0,
        linkIndex: body.readInt32LE(4),
      });
  }
  for (const { body } of socket.dump("list routes", RTM_GETROUTE, Buffer.alloc(12))) {
    const more = attributes(body, 12);
    const destination = more.get(1);
    const prefixLength = body[1] ?? 0;
    if (destination === undefined || prefixLength === 0) continue;
    found.push({
      address: addressText(destination),
      prefixLength,
      linkIndex: more.get(4)?.readInt32LE(0) ?? 0,
    });
  }
  return found;
}

/** A link's index in the socket's namespace. Throws ENODEV. */
export function indexOf(socket: NetlinkSocket, name: string): number {
  const [link] = socket.ask(`look for ${name}`, message(RTM_GETLINK, 0, linkBody(0), text(IFLA.name, name)));
  if (link === undefined) throw new SystemCallError("netlink", os.constants.errno.ENODEV, name);
  return link.body.readInt32LE(4);
}
