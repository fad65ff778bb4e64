import type { NftElement, NftPart } from "../contract.ts";
import {
  attribute,
  attributes,
  bigEndian32,
  message,
  nested,
  NLM_F_APPEND,
  NLM_F_CREATE,
  text,
  textOf,
} from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";
import { addressBytes } from "./rtnetlink.ts";

/** nf_tables over nfnetlink: elements of sets and maps, and the one small table that a sandbox needs. Source: linux/netfilter/nf_tables.h. */

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_SUBSYS_NFTABLES = 10;
const NFPROTO_INET = 1;
const NFPROTO_IPV4 = 2;
const NFT_MSG = {
  newTable: 0,
  delTable: 2,
  newChain: 3,
  newRule: 6,
  newElement: 12,
  delElement: 14,
} as const;

const PROTOCOLS = { tcp: 6, udp: 17, sctp: 132 } as const;

function partBytes(part: NftPart): Buffer {
  switch (part.kind) {
    case "address":
      return addressBytes(part.value);
    case "protocol":
      return Buffer.of(PROTOCOLS[part.value], 0, 0, 0);
    case "port":
      return Buffer.of(part.value >> 8, part.value & 255, 0, 0);
    case "interface": {
      const name = Buffer.alloc(16);
      name.write(part.value, 0, 15, "latin1");
      return name;
    }
  }
}

const header = (family: number, resource = 0): Buffer => Buffer.of(family, 0, resource >> 8, resource & 255);
const begin = (): Buffer => message(NFNL_MSG_BATCH_BEGIN, 0, header(0, NFNL_SUBSYS_NFTABLES));
const end = (): Buffer => message(NFNL_MSG_BATCH_END, 0, header(0, NFNL_SUBSYS_NFTABLES));
const nft = (type: number, flags: number, family: number, ...more: Buffer[]): Buffer =>
  message((NFNL_SUBSYS_NFTABLES << 8) | type, flags, header(family), ...more);

const NFTA_DATA_VALUE = 1;
const data = (type: number, bytes: Buffer): Buffer => nested(type, attribute(NFTA_DATA_VALUE, bytes));

function elementMessage(type: number, flags: number, table: string, element: NftElement): Buffer {
  // A lone part is not padded: ports are two bytes, protocols one; our sets have none such.
  const key = data(1, Buffer.concat(element.key.map(partBytes)));
  const value = element.value ? [data(2, Buffer.concat(element.value.map(partBytes)))] : [];
  return nft(
    type,
    flags,
    NFPROTO_INET,
    text(1, table),
    text(2, element.set),
    nested(3, nested(1, key, ...value)),
  );
}

/** Adds and removes elements of `table` in one transaction. ENOENT: an element to remove, or the whole table, is not there. */
export function changeElements(
  socket: NetlinkSocket,
  table: string,
  change: { readonly add: readonly NftElement[]; readonly remove: readonly NftElement[] },
): void {
  const requests = [
    ...change.remove.map((element) => elementMessage(NFT_MSG.delElement, 0, table, element)),
    ...change.add.map((element) => elementMessage(NFT_MSG.newElement, NLM_F_CREATE, table, element)),
  ];
  if (requests.length === 0) return;
  socket.transaction("change elements", begin(), requests, end());
}

/** Removes a whole table; ENOENT when it is not there. */
export function removeTable(socket: NetlinkSocket, table: string): void {
  socket.transaction(
    "remove table",
    begin(),
    [nft(NFT_MSG.delTable, 0, NFPROTO_INET, text(1, table))],
    end(),
  );
}

const NFT_MSG_GETCHAIN = 4;
const NF_INET_FORWARD = 2;

/** Tables whose chains drop forwarded IPv4 packets unless a rule of theirs accepts: what we accept, they still drop. */
export function listForwardDrops(socket: NetlinkSocket): string[] {
  const type = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETCHAIN;
  const found = socket.dump("list chains", type, header(0)).flatMap(({ body }) => {
    const chain = attributes(body, 4);
    const hook = chain.get(4);
    const number = hook && attributes(hook, 0).get(1)?.readUInt32BE(0);
    const isDropping = number === NF_INET_FORWARD && chain.get(5)?.readUInt32BE(0) === 0;
    const family = body[0] === NFPROTO_INET ? "inet" : body[0] === NFPROTO_IPV4 ? "ip" : undefined;
    return isDropping && family !== undefined ? [`${family} ${textOf(chain.get(1)) ?? ""}`] : [];
  });
  return [...new Set(found)];
}

const REGISTER_1 = 1;
const REGISTER_2 = 2;
const NF_INET_LOCAL_OUT = 3;
const PRIORITY_DSTNAT = -100;

const expression = (name: string, ...more: Buffer[]): Buffer => nested(1, text(1, name), nested(2, ...more));
const load = (base: number, offset: number, length: number): Buffer =>
  expression(
    "payload",
    bigEndian32(1, REGISTER_1),
    bigEndian32(2, base),
    bigEndian32(3, offset),
    bigEndian32(4, length),
  );
const equals = (bytes: Buffer): Buffer =>
  expression("cmp", bigEndian32(1, REGISTER_1), bigEndian32(2, 0), data(3, bytes));
const immediate = (register: number, bytes: Buffer): Buffer =>
  expression("immediate", bigEndian32(1, register), data(2, bytes));

const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;
const META_L4PROTO = 16;

/** Sends what the namespace's processes ask of `address`:53 to the given ports of the same address. The socket must be of that namespace. */
export function redirectDns(
  socket: NetlinkSocket,
  address: string,
  ports: { readonly udp: number; readonly tcp: number },
  isReplacing: boolean,
): void {
  const table = text(1, "longshore_dns");
  const port = (value: number): Buffer => Buffer.of(value >> 8, value & 255);
  const rule = (protocol: "udp" | "tcp"): Buffer =>
    nft(
      NFT_MSG.newRule,
      NLM_F_CREATE | NLM_F_APPEND,
      NFPROTO_IPV4,
      table,
      text(2, "output"),
      nested(
        4,
        load(NETWORK_HEADER, 16, 4),
        equals(addressBytes(address)),
        expression("meta", bigEndian32(2, META_L4PROTO), bigEndian32(1, REGISTER_1)),
        equals(Buffer.of(PROTOCOLS[protocol])),
        load(TRANSPORT_HEADER, 2, 2),
        equals(port(53)),
        immediate(REGISTER_1, addressBytes(address)),
        immediate(REGISTER_2, port(ports[protocol])),
        expression(
          "nat",
          bigEndian32(1, 1),
          bigEndian32(2, NFPROTO_IPV4),
          bigEndian32(3, REGISTER_1),
          bigEndian32(5, REGISTER_2),
        ),
      ),
    );
  const chain = nft(
    NFT_MSG.newChain,
    NLM_F_CREATE,
    NFPROTO_IPV4,
    table,
    text(3, "output"),
    text(7, "nat"),
    bigEndian32(5, 1),
    nested(4, bigEndian32(1, NF_INET_LOCAL_OUT), bigEndian32(2, PRIORITY_DSTNAT)),
  );
  const create = nft(
    NFT_MSG.newTable,
    NLM_F_CREATE,
    NFPROTO_IPV4,
    text(1, "longshore_dns"),
    bigEndian32(2, 0),
  );
  // Created, removed, created: an older engine's ports vanish in the same transaction. Only where there is one:
  // after a removal the kernel keeps the closing of the socket waiting for 10 ms and more (6.18, measured).
  const before = isReplacing
    ? [Buffer.from(create), nft(NFT_MSG.delTable, 0, NFPROTO_IPV4, text(1, "longshore_dns"))]
    : [];
  socket.transaction("redirect DNS", begin(), [...before, create, chain, rule("udp"), rule("tcp")], end());
}
