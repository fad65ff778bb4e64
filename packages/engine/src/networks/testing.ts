import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import type { Networks } from "./contract.ts";
import type { NetworkKernel, SandboxDns } from "./driver.ts";
import { openNetworkRoom, type NetworkDrivers, type NetworksDeps } from "./network-room.ts";

/** A kernel that remembers names instead of making links. It refuses what Linux refuses: taken bridge names, unknown bridges, unknown sandboxes. */
export function fakeKernel(): NetworkKernel & { readonly pins: ReadonlyMap<string, readonly string[]> } {
  const bridges = new Map<string, { alias: string }>();
  const pins = new Map<string, string[]>();
  const refuse = (code: string, what: string): Error =>
    Object.assign(new Error(`${code}: ${what}`), { code });
  const linksOf = (file: string): string[] => {
    const links = pins.get(file);
    if (links === undefined) throw refuse("ENOENT", file);
    return links;
  };
  return {
    pins,
    buildSandbox: async (spec) => {
      for (const plug of spec.plugs) if (!bridges.has(plug.bridge)) throw refuse("ENODEV", plug.bridge);
      pins.set(
        spec.file,
        spec.plugs.map((plug) => plug.name),
      );
      return undefined;
    },
    dropSandbox: async (file) => void pins.delete(file),
    openDnsSockets: async (file) => {
      linksOf(file);
      return { udp: { fd: -1, port: 0 }, tcp: { fd: -1, port: 0 } };
    },
    plug: async (file, plug) => {
      if (!bridges.has(plug.bridge)) throw refuse("ENODEV", plug.bridge);
      linksOf(file).push(plug.name);
    },
    unplug: async (file, name) => {
      const links = linksOf(file);
      const at = links.indexOf(name);
      if (at >= 0) links.splice(at, 1);
    },
    reroute: async (file) => void linksOf(file),
    counters: async (file) => {
      const zero = {
        rxBytes: 0,
        rxPackets: 0,
        rxErrors: 0,
        rxDropped: 0,
        txBytes: 0,
        txPackets: 0,
        txErrors: 0,
        txDropped: 0,
      };
      return Object.fromEntries(linksOf(file).map((name) => [name, zero]));
    },
    ensureBridge: async ({ name, alias }) => {
      if ((bridges.get(name)?.alias ?? alias) !== alias) throw refuse("EEXIST", name);
      bridges.set(name, { alias });
    },
    removeLink: async (name) => void bridges.delete(name),
    listBridges: async () => [...bridges].map(([name, { alias }]) => ({ name, alias, isUp: true })),
    listSubnets: async () => [],
    changeElements: async () => {},
    removeTable: async () => {},
    forgetUdpFlows: async () => {},
    listForwardDrops: async () => [],
    listPins: async (folder) => [...pins.keys()].filter((file) => file.startsWith(`${folder}/`)),
    isPinned: async (file) => pins.has(file),
    setHostSysctl: async () => true,
    [Symbol.asyncDispose]: async () => {},
  };
}

const fakeDns: SandboxDns = {
  onRestart: () => {},
  setZone: async () => {},
  attach: async () => {},
  update: async () => {},
  detach: async () => {},
  [Symbol.asyncDispose]: async () => {},
};

export function fakeDrivers(kernel: NetworkKernel = fakeKernel()): NetworkDrivers {
  return {
    kernel,
    loadRules: async () => {},
    dns: fakeDns,
    hold: async () => ({ relayTo: () => {}, [Symbol.asyncDispose]: async () => {} }),
  };
}

/** The real room on a fake kernel: addresses, names, ports and errors are the real ones; nothing touches the machine. */
export async function fakeNetworks(deps: Partial<NetworksDeps> = {}): Promise<Networks> {
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
    fakeDrivers(),
    new AbortController().signal,
  );
}
