export { FakeCgroups } from "./fake/cgroups.ts";
export { FakeMounts } from "./fake/mounts.ts";
import type { DnsSockets } from "./contract.ts";
import { openInetSocket } from "./linux/inet-socket.ts";

export { fakeLoadRules, FakeNetworkKernel, fakeNetworkThread } from "./fake/network.ts";

/** Bound sockets on the loopback of this machine, which ask for no right: for whoever is given descriptors. The caller closes them. */
export function openLoopbackSockets(): DnsSockets {
  return { udp: openInetSocket("udp", "127.0.0.1"), tcp: openInetSocket("tcp", "127.0.0.1") };
}
