import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { FakeDns } from "#testing/dns";
import { fakeLoadRules, FakeNetworkKernel, fakeNetworkThread } from "#testing/host";
import { memoryStore } from "#testing/store";
import type { Networks } from "./contract.ts";
import { openNetworkRoom, type NetworkDrivers, type NetworksDeps } from "./network-room.ts";

interface FakeParts {
  readonly kernel?: FakeNetworkKernel;
  readonly dns?: FakeDns;
}

function fakeDrivers({ kernel = new FakeNetworkKernel(), dns = new FakeDns() }: FakeParts): NetworkDrivers {
  return {
    kernel: fakeNetworkThread(kernel),
    loadRules: fakeLoadRules(kernel),
    dns,
    hold: async () => ({ relayTo: () => {}, [Symbol.asyncDispose]: async () => {} }),
  };
}

/** The real room on a fake kernel: addresses, names, ports and errors are the real ones; nothing touches the machine. */
export async function fakeNetworks(
  deps: Partial<NetworksDeps> = {},
  parts: FakeParts = {},
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
    fakeDrivers(parts),
    new AbortController().signal,
  );
}
