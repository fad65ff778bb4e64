import { closeSync, fstatSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { LoadRules, NetworkThread, NftElement, Plug } from "./contract.ts";

/** A kernel that nobody else uses. Disposing it leaves nothing. */
export interface NetworkPlace extends AsyncDisposable {
  readonly thread: NetworkThread;
  readonly loadRules: LoadRules;
  /** Sandboxes are pinned at FOLDER/NAME/netns. */
  readonly folder: string;
  /** Keys of a set, or `key : value` of a map, sorted; undefined without such a set. `table` is "FAMILY NAME". */
  elements(table: string, set: string): Promise<readonly string[] | undefined>;
  /** Ends on a bridge. */
  portsOf(bridge: string): Promise<readonly string[]>;
  gatewaysOf(file: string): Promise<readonly string[]>;
  /** `ADDRESS/LENGTH` of an interface, the kernel's own left out. */
  addressesOf(file: string, name: string): Promise<readonly string[]>;
}

const bridge = (name: string, third: number) => ({
  name,
  alias: `tag ${name}`,
  macAddress: `02:42:0a:dc:${third.toString(16).padStart(2, "0")}:01`,
  mtu: 1400,
  addresses: [{ address: `10.220.${third}.1`, prefixLength: 24 }],
});
const plug = (hostName: string, more: Partial<Plug> = {}): Plug => ({
  hostName,
  name: "eth0",
  bridge: "lsht1",
  macAddress: "02:42:0a:dc:01:02",
  mtu: 1400,
  addresses: [{ address: "10.220.1.2", prefixLength: 24 }],
  isIsolated: false,
  ...more,
});
const second = (hostName: string): Plug =>
  plug(hostName, {
    name: "eth1",
    bridge: "lsht2",
    macAddress: "02:42:0a:dc:02:02",
    addresses: [{ address: "10.220.2.2", prefixLength: 24 }],
  });
const plain = { gateways: [], sysctls: {} };
const address = (value: string): NftElement => ({
  set: "hosts",
  key: [
    { kind: "address", value },
    { kind: "address", value },
  ],
});
const published = (port: number, to: string): NftElement => ({
  set: "ports",
  key: [
    { kind: "protocol", value: "tcp" },
    { kind: "port", value: port },
  ],
  value: [
    { kind: "address", value: to },
    { kind: "port", value: 80 },
  ],
});
const TABLE = `table inet lsht { }
delete table inet lsht
table inet lsht {
  set hosts { type ipv4_addr . ipv4_addr; }
  map ports { type inet_proto . inet_service : ipv4_addr . inet_service; elements = { tcp . 8080 : 10.220.1.2 . 80 }; }
  chain passing { type filter hook forward priority filter; policy accept; ip saddr . ip daddr @hosts accept; }
}
`;

/** What every NetworkThread does. */
export function networkConformance(what: string, make: () => Promise<NetworkPlace>): void {
  const withBridges = async (place: NetworkPlace): Promise<void> => {
    await place.thread.ensureBridge(bridge("lsht1", 1));
    await place.thread.ensureBridge(bridge("lsht2", 2));
  };
  const pin = (place: NetworkPlace, name = "c1"): string => `${place.folder}/${name}/netns`;

  describe(`${what} is a NetworkThread`, () => {
    test("ensureBridge() makes one, completes its own and refuses another's name", async () => {
      await using place = await make();
      const { thread } = place;
      const one = bridge("lsht1", 1);
      await thread.ensureBridge(one);
      const more = [...one.addresses, { address: "10.220.9.1", prefixLength: 28 }];
      await thread.ensureBridge({ ...one, addresses: more });
      expect(await thread.listSubnets([])).toEqual(expect.arrayContaining(more));
      await expect(thread.ensureBridge({ ...one, alias: "tag another" })).rejects.toMatchObject({
        code: "EEXIST",
      });
      expect(await thread.listBridges()).toEqual([{ name: "lsht1", alias: "tag lsht1", isUp: true }]);
    });

    test("removeLink() removes a bridge with its ranges, and takes an absent one as removed", async () => {
      await using place = await make();
      await withBridges(place);
      await place.thread.removeLink("lsht1");
      await place.thread.removeLink("lsht1");
      expect((await place.thread.listBridges()).map(({ name }) => name)).toEqual(["lsht2"]);
      const left = (await place.thread.listSubnets([])).map((subnet) => subnet.address);
      expect(left).not.toContain("10.220.1.1");
      expect(left).toContain("10.220.2.1");
      expect(await place.thread.listSubnets(["lsht2"])).toEqual([]);
    });

    test("buildSandbox() makes interfaces, addresses and routes, and says no DNS sockets unless asked", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      const file = pin(place);
      const sockets = await thread.buildSandbox({
        file,
        plugs: [plug("lshtv1"), second("lshtv2")],
        gateways: ["10.220.2.1"],
        sysctls: { "net.ipv4.ip_unprivileged_port_start": "0" },
      });
      expect(sockets).toBeUndefined();
      expect(Object.keys(await thread.counters(file)).sort()).toEqual(["eth0", "eth1"]);
      expect(await place.addressesOf(file, "eth0")).toEqual(["10.220.1.2/24"]);
      expect(await place.addressesOf(file, "eth1")).toEqual(["10.220.2.2/24"]);
      expect(await place.gatewaysOf(file)).toEqual(["10.220.2.1"]);
      expect(await place.portsOf("lsht1")).toEqual(["lshtv1"]);
      expect(await place.portsOf("lsht2")).toEqual(["lshtv2"]);
      expect(await thread.isPinned(file)).toBe(true);
      expect(await thread.listPins(place.folder)).toEqual([file]);
    });

    test("counters() has a count of each kind for each interface", async () => {
      await using place = await make();
      await withBridges(place);
      await place.thread.buildSandbox({ file: pin(place), plugs: [plug("lshtv1")], ...plain });
      const { eth0 } = await place.thread.counters(pin(place));
      const kinds = ["Bytes", "Dropped", "Errors", "Packets"];
      expect(Object.keys(eth0 ?? {}).sort()).toEqual(
        ["rx", "tx"].flatMap((way) => kinds.map((kind) => way + kind)),
      );
      expect(eth0).toMatchObject({ rxErrors: 0, txErrors: 0 });
    });

    test.for([
      ["an unknown bridge", { plugs: [plug("lshtv1"), { ...second("lshtv2"), bridge: "lsht9" }] }, "ENODEV"],
      ["a gateway on none of its networks", { gateways: ["10.220.7.1"] }, "ENETUNREACH"],
      ["a setting that is none", { sysctls: { "net.ipv4.lsht": "1" } }, "ENOENT"],
      ["a setting outside of /proc/sys", { sysctls: { "net.ipv4.//.//.etc": "1" } }, "EINVAL"],
      [
        "two interfaces of one name",
        { plugs: [plug("lshtv1"), { ...second("lshtv2"), name: "eth0" }] },
        "EEXIST",
      ],
    ] as const)("buildSandbox() refuses %s as %s and leaves nothing", async ([, change, code]) => {
      await using place = await make();
      await withBridges(place);
      const spec = { file: pin(place), plugs: [plug("lshtv1")], ...plain, ...change };
      await expect(place.thread.buildSandbox(spec)).rejects.toMatchObject({ code });
      expect(await place.thread.isPinned(spec.file)).toBe(false);
      expect(await place.portsOf("lsht1")).toEqual([]);
      await expect(place.thread.counters(spec.file)).rejects.toMatchObject({ code: "ENOENT" });
    });

    test("buildSandbox() and plug() refuse a host name that is taken, and leave its owner alone", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      await thread.buildSandbox({ file: pin(place), plugs: [plug("lshtv1")], ...plain });
      const other = pin(place, "c2");
      await expect(
        thread.buildSandbox({ file: other, plugs: [second("lshtv2"), plug("lshtv1")], ...plain }),
      ).rejects.toMatchObject({ code: "EEXIST" });
      expect(await thread.isPinned(other)).toBe(false);
      await thread.buildSandbox({ file: other, plugs: [], ...plain });
      await expect(thread.plug(other, plug("lshtv1"))).rejects.toMatchObject({ code: "EEXIST" });
      expect(await place.portsOf("lsht1")).toEqual(["lshtv1"]);
      expect(Object.keys(await thread.counters(pin(place)))).toEqual(["eth0"]);
      expect(await thread.counters(other)).toEqual({});
    });

    test("buildSandbox() takes the place of one that is pinned there", async () => {
      await using place = await make();
      await withBridges(place);
      await place.thread.buildSandbox({ file: pin(place), plugs: [plug("lshtv1")], ...plain });
      await place.thread.buildSandbox({ file: pin(place), plugs: [second("lshtv2")], ...plain });
      expect(Object.keys(await place.thread.counters(pin(place)))).toEqual(["eth1"]);
    });

    test("plug() and unplug() change a sandbox; absent is unplugged", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      await thread.buildSandbox({
        file: pin(place),
        plugs: [plug("lshtv1")],
        gateways: ["10.220.1.1"],
        sysctls: {},
      });
      await thread.plug(pin(place), second("lshtv2"));
      expect(await place.addressesOf(pin(place), "eth1")).toEqual(["10.220.2.2/24"]);
      await expect(thread.plug(pin(place), plug("lshtv3", { bridge: "lsht9" }))).rejects.toMatchObject({
        code: "ENODEV",
      });
      const martians = (of: string): Record<string, string> => ({
        [`net.ipv4.conf.${of}.log_martians`]: "1",
      });
      const third = plug("lshtv3", { name: "lan.7", addresses: [], sysctls: martians("no") });
      await expect(thread.plug(pin(place), third)).rejects.toMatchObject({ code: "ENOENT" });
      expect(await place.portsOf("lsht1")).toEqual(["lshtv1"]);
      await thread.plug(pin(place), { ...third, sysctls: martians("lan/7") });
      await thread.unplug(pin(place), "lan.7", "lshtv3");
      await thread.unplug(pin(place), "eth0", "lshtv1");
      await thread.unplug(pin(place), "eth0", "lshtv1");
      expect(Object.keys(await thread.counters(pin(place)))).toEqual(["eth1"]);
      expect(await place.portsOf("lsht1")).toEqual([]);
      expect(await place.gatewaysOf(pin(place))).toEqual([]);
    });

    test("reroute() takes what is gone as removed, and what is there as added", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      const plugs = [plug("lshtv1"), second("lshtv2")];
      await thread.buildSandbox({ file: pin(place), plugs, gateways: ["10.220.1.1"], sysctls: {} });
      await thread.reroute(pin(place), ["10.220.1.1", "10.220.2.1"], ["10.220.2.1"]);
      await thread.reroute(pin(place), [], ["10.220.2.1"]);
      expect(await place.gatewaysOf(pin(place))).toEqual(["10.220.2.1"]);
      await expect(thread.reroute(pin(place), [], ["10.220.7.1"])).rejects.toMatchObject({
        code: "ENETUNREACH",
      });
    });

    test("an unknown sandbox is ENOENT for all but dropSandbox()", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      const file = pin(place);
      for (const asking of [
        thread.counters(file),
        thread.plug(file, plug("lshtv1")),
        thread.unplug(file, "eth0", "lshtv1"),
        thread.reroute(file, [], []),
        thread.openDnsSockets(file, "127.0.0.11"),
      ])
        await expect(asking).rejects.toMatchObject({ name: "NetworkCallError", code: "ENOENT" });
      await thread.dropSandbox(file, ["lshtv1"]);
      expect(await thread.listPins(`${place.folder}/nothing`)).toEqual([]);
    });

    test("dropSandbox() frees bridge and pin at once, twice as well, and no other sandbox's", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      await thread.buildSandbox({ file: pin(place, "c1"), plugs: [plug("lshtv1")], ...plain });
      await thread.buildSandbox({
        file: pin(place, "c2"),
        plugs: [plug("lshtv2", { macAddress: "02:42:0a:dc:01:03" })],
        ...plain,
      });
      await thread.dropSandbox(pin(place, "c1"), ["lshtv1"]);
      expect(await place.portsOf("lsht1")).toEqual(["lshtv2"]);
      expect(await thread.isPinned(pin(place, "c1"))).toBe(false);
      await thread.dropSandbox(pin(place, "c1"), ["lshtv1"]);
      expect(await thread.listPins(place.folder)).toEqual([pin(place, "c2")]);
    });

    test("openDnsSockets() and buildSandbox() with an address give two open descriptors of the caller's", async () => {
      await using place = await make();
      const { thread } = place;
      const first = await thread.buildSandbox({
        file: pin(place),
        plugs: [],
        ...plain,
        dnsAddress: "127.0.0.11",
      });
      const again = await thread.openDnsSockets(pin(place), "127.0.0.11");
      for (const sockets of [first, again]) {
        for (const { fd, port } of [sockets?.udp, sockets?.tcp].flatMap((one) => one ?? [])) {
          expect(port).toBeGreaterThan(0);
          expect(() => fstatSync(fd)).not.toThrow();
          closeSync(fd);
        }
      }
      expect(new Set([first, again].flatMap((one) => [one?.udp.fd, one?.tcp.fd])).size).toBe(4);
    });

    test("calls take effect in the order they were made", async () => {
      await using place = await make();
      const { thread } = place;
      const [, , found, , bridges] = await Promise.all([
        thread.ensureBridge(bridge("lsht1", 1)),
        thread.buildSandbox({ file: pin(place), plugs: [plug("lshtv1")], ...plain }),
        thread.counters(pin(place)),
        thread.removeLink("lsht1"),
        thread.listBridges(),
      ]);
      expect(Object.keys(found)).toEqual(["eth0"]);
      expect(bridges).toEqual([]);
    });

    test("setHostSysctl() is false for what can't be written and refuses what is no name", async () => {
      await using place = await make();
      const { thread } = place;
      await withBridges(place);
      expect(await thread.setHostSysctl("net.ipv4.conf.lsht1.route_localnet", "1")).toBe(true);
      expect(await thread.setHostSysctl("net.ipv4.conf.lsht9.route_localnet", "1")).toBe(false);
      await expect(thread.setHostSysctl("net.ipv4.//.//.etc", "1")).rejects.toMatchObject({ code: "EINVAL" });
    });

    test("loadRules() replaces a table whole, or does nothing at all", async ({ signal }) => {
      await using place = await make();
      await place.loadRules(TABLE, signal);
      expect(await place.elements("inet lsht", "ports")).toEqual(["tcp . 8080 : 10.220.1.2 . 80"]);
      await place.thread.changeElements("lsht", [address("10.220.1.3")], []);
      await place.loadRules(TABLE, signal);
      expect(await place.elements("inet lsht", "hosts")).toEqual([]);
      for (const broken of [
        "delete table inet lsht\nnonsense\n",
        "delete table inet lsht\ndelete table inet lshtnone\n",
        "delete table inet lsht\ntable inet lsht { chain c { ip saddr @nowhere accept; }; }\n",
        "delete table inet lsht\ntable inet lsht { set s {\n",
      ])
        await expect(place.loadRules(broken, signal)).rejects.toMatchObject({
          kind: "internal",
          message: expect.stringMatching(/^nft: /),
        });
      const reason = new Error("engine stops");
      await expect(place.loadRules("delete table inet lsht", AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(await place.elements("inet lsht", "ports")).toEqual(["tcp . 8080 : 10.220.1.2 . 80"]);
    });

    test("changeElements() takes what is there, or gone, already as done", async ({ signal }) => {
      await using place = await make();
      const { thread } = place;
      await place.loadRules(TABLE, signal);
      await thread.changeElements("lsht", [address("10.220.1.3"), address("10.220.1.4")], []);
      await thread.changeElements("lsht", [address("10.220.1.3")], []);
      expect(await place.elements("inet lsht", "hosts")).toEqual([
        "10.220.1.3 . 10.220.1.3",
        "10.220.1.4 . 10.220.1.4",
      ]);
      await thread.changeElements("lsht", [], [address("10.220.1.9"), address("10.220.1.3")]);
      await thread.changeElements("lsht", [address("10.220.1.5")], [address("10.220.1.3")]);
      expect(await place.elements("inet lsht", "hosts")).toEqual([
        "10.220.1.4 . 10.220.1.4",
        "10.220.1.5 . 10.220.1.5",
      ]);
      await thread.changeElements("lsht", [published(8080, "10.220.1.7")], [published(8080, "10.220.1.2")]);
      expect(await place.elements("inet lsht", "ports")).toEqual(["tcp . 8080 : 10.220.1.7 . 80"]);
    });

    test("changeElements() adds all or none, and names what is missing", async ({ signal }) => {
      await using place = await make();
      const { thread } = place;
      await place.loadRules(TABLE, signal);
      await expect(
        thread.changeElements("lsht", [address("10.220.1.3"), published(8080, "10.220.1.9")], []),
      ).rejects.toMatchObject({ code: "EEXIST" });
      await expect(
        thread.changeElements("lsht", [address("10.220.1.3"), { ...address("10.220.1.4"), set: "none" }], []),
      ).rejects.toMatchObject({ code: "ENOENT" });
      expect(await place.elements("inet lsht", "hosts")).toEqual([]);
      await expect(thread.changeElements("lshtnone", [address("10.220.1.3")], [])).rejects.toMatchObject({
        code: "ENOENT",
      });
      await thread.changeElements("lshtnone", [], [address("10.220.1.3")]);
      await thread.changeElements("lshtnone", [], []);
    });

    test("removeTable() removes the inet table of that name only; absent is success", async ({ signal }) => {
      await using place = await make();
      await place.loadRules(
        `${TABLE}table ip lsht { set hosts { type ipv4_addr; elements = { 10.220.1.1 }; }; }\n`,
        signal,
      );
      await place.thread.removeTable("lsht");
      await place.thread.removeTable("lsht");
      expect(await place.elements("inet lsht", "hosts")).toBeUndefined();
      expect(await place.elements("ip lsht", "hosts")).toEqual(["10.220.1.1"]);
    });

    test("listForwardDrops() names the tables whose forward chains drop, and no others", async ({
      signal,
    }) => {
      await using place = await make();
      const chain = (name: string, hook: string, policy: string): string =>
        `chain ${name} { type filter hook ${hook} priority 0; policy ${policy}; };`;
      await place.loadRules(
        `table ip lshtfilter { ${chain("FORWARD", "forward", "drop")} }
table inet lshtmine { ${chain("a", "forward", "accept")} ${chain("b", "input", "drop")} }
table inet lshtother { ${chain("a", "forward", "drop")} ${chain("b", "forward", "drop")} }
`,
        signal,
      );
      expect((await place.thread.listForwardDrops()).sort()).toEqual(["inet lshtother", "ip lshtfilter"]);
    });

    test("forgetUdpFlows() with nothing to forget resolves", async () => {
      await using place = await make();
      await place.thread.forgetUdpFlows([53], ["10.220.1.2"]);
    });

    test("after dispose, twice as well, every call rejects", async () => {
      await using place = await make();
      await place.thread[Symbol.asyncDispose]();
      await place.thread[Symbol.asyncDispose]();
      await expect(place.thread.listBridges()).rejects.toThrow("the network thread has ended");
    });
  });
}
