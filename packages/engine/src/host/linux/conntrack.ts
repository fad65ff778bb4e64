import { attributes, message, nested } from "./netlink-message.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";
import { addressBytes } from "./rtnetlink.ts";

/** Tracked connections. Source: linux/netfilter/nfnetlink_conntrack.h. */

const NFNL_SUBSYS_CTNETLINK = 1;
const IPCTNL_MSG_CT_GET = 1;
const IPCTNL_MSG_CT_DELETE = 2;
const CTA_TUPLE_ORIG = 1;
const CTA_TUPLE_REPLY = 2;
const CTA_TUPLE_IP = 1;
const CTA_TUPLE_PROTO = 2;
const CTA_IP_V4_SRC = 1;
const CTA_PROTO_NUM = 1;
const CTA_PROTO_DST_PORT = 3;
const UDP = 17;

/**
 * Forgets tracked UDP flows to one of `hostPorts` or answered by one of `addresses`.
 * A flow that began before a port was published (or after its container ended) would be sent the old way for as long as it lasts.
 */
export function forgetUdpFlows(
  socket: NetlinkSocket,
  stale: { readonly hostPorts: readonly number[]; readonly addresses: readonly string[] },
): void {
  const AF_INET = 2;
  const body = Buffer.of(AF_INET, 0, 0, 0);
  const addresses = stale.addresses.map(addressBytes);
  const found = socket.dump("list flows", (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_GET, body);
  for (const flow of found) {
    const parts = attributes(flow.body, 4);
    const forward = parts.get(CTA_TUPLE_ORIG);
    const reply = parts.get(CTA_TUPLE_REPLY);
    if (forward === undefined || reply === undefined) continue;
    const protocol = attributes(attributes(forward, 0).get(CTA_TUPLE_PROTO) ?? Buffer.alloc(0), 0);
    if (protocol.get(CTA_PROTO_NUM)?.[0] !== UDP) continue;
    const port = protocol.get(CTA_PROTO_DST_PORT)?.readUInt16BE(0) ?? 0;
    const answering = attributes(attributes(reply, 0).get(CTA_TUPLE_IP) ?? Buffer.alloc(0), 0).get(
      CTA_IP_V4_SRC,
    );
    const isStale =
      stale.hostPorts.includes(port) ||
      (answering !== undefined && addresses.some((address) => address.equals(answering)));
    if (!isStale) continue;
    try {
      socket.request(
        "forget flow",
        message(
          (NFNL_SUBSYS_CTNETLINK << 8) | IPCTNL_MSG_CT_DELETE,
          0,
          body,
          nested(CTA_TUPLE_ORIG, forward),
        ),
      );
    } catch (error) {
      // It ended by itself meanwhile.
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    }
  }
}
