import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { fakeLoadRules, FakeNetworkKernel, fakeNetworkThread } from "#testing/host";
import { memoryStore } from "#testing/store";
import type { ThreadedDnsServer } from "#dns";
import type { Networks } from "./contract.ts";
import { openNetworkRoom, type NetworkDrivers, type NetworksDeps } from "./network-room.ts";

const fakeDns: ThreadedDnsServer = {
  onRestart: () => {},
  setZone: async () => {},
  attach: async () => {},
  update: async () => {},
  detach: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

function fakeDrivers(kernel: FakeNetworkKernel): NetworkDrivers {
  return {
    kernel: fakeNetworkThread(kernel),
    loadRules: fakeLoadRules(kernel),
    dns: fakeDns,
    hold: async () => ({ relayTo: () => {}, [Symbol.asyncDispose]: async () => {} }),
  };
}

/** The real room on a fake kernel: addresses, names, ports and errors are the real ones; nothing touches the machine. */
export async function fakeNetworks(
  deps: Partial<NetworksDeps> = {},
  kernel: FakeNetworkKernel = new FakeNetworkKernel(),
): Promise<Networks> {
  const root = path.join(os.tmpdir(), "fake-networks");
  return openNetworkRoom(
    {
      store: memoryStore(),
      events: openEvents(),
      stateRoot: root,
      dataRoot: root,
      log: silentLogger,
      clock: systemClock,
      ...deps,
    },
    fakeDrivers(kernel),
    new AbortController().signal,
  );
}
