import { describe, expect, test } from "vitest";
import type { EndpointSpec, Networks, PortSpec } from "./contract.ts";

/** Subnets that the suite may use: `10.X.0.0/16` of `second` = X. */
export function networksConformance(what: string, second: number, make: () => Promise<Networks>): void {
  const subnet = (third: number): string => `10.${second}.${third}.0/24`;
  const wants = (containerId: string, more: Partial<EndpointSpec> = {}): EndpointSpec => ({
    containerId,
    containerName: `name-of-${containerId}`,
    hostname: containerId,
    aliases: [],
    ...more,
  });
  const opening = (
    containerId: string,
    network: string,
    more: Partial<EndpointSpec> = {},
    ports: PortSpec[] = [],
  ) => ({
    containerId,
    endpoints: [{ network, spec: wants(containerId, more) }],
    ports,
    dns: { servers: [], search: [], options: [] },
  });
  const port = (hostPort: number): PortSpec => ({
    containerPort: 80,
    protocol: "tcp",
    hostAddress: "127.0.0.1",
    hostPort,
  });

  describe(`${what} is Networks`, () => {
    test("list() has bridge, host and none from the start, and they stay", async () => {
      await using networks = await make();
      expect(
        networks
          .list()
          .map(({ name }) => name)
          .toSorted(),
      ).toEqual(["bridge", "host", "none"]);
      expect(networks.get("bridge").options).toMatchObject({
        "com.docker.network.bridge.default_bridge": "true",
        "com.docker.network.bridge.name": "lsh0",
        "com.docker.network.driver.mtu": "1500",
      });
      for (const name of ["bridge", "host", "none"])
        await expect(networks.remove(name)).rejects.toMatchObject({
          kind: "forbidden",
          message: `${name} is a pre-defined network and cannot be removed`,
        });
    });

    test("get() finds by name, id and unique prefix, and says when there is none", async ({ signal }) => {
      await using networks = await make();
      const { network } = await networks.create(
        { name: "n1", ipam: { pools: [{ subnet: subnet(1) }] } },
        signal,
      );
      expect(networks.get("n1")).toEqual(network);
      expect(networks.get(network.id)).toEqual(network);
      expect(networks.get(network.id.slice(0, 12))).toEqual(network);
      expect(() => networks.get("n2")).toThrow("network n2 not found");
    });

    test("create() refuses names and ranges that are taken or malformed", async ({ signal }) => {
      await using networks = await make();
      await networks.create({ name: "n1", ipam: { pools: [{ subnet: subnet(1) }] } }, signal);
      const creating = (spec: Parameters<Networks["create"]>[0]): Promise<unknown> =>
        networks.create(spec, signal);
      await expect(creating({ name: "n1" })).rejects.toMatchObject({
        kind: "conflict",
        message: "network with name n1 already exists",
      });
      await expect(
        creating({ name: "n2", ipam: { pools: [{ subnet: `10.${second}.1.128/25` }] } }),
      ).rejects.toMatchObject({ kind: "forbidden", message: expect.stringContaining("Pool overlaps") });
      await expect(creating({ name: "a b" })).rejects.toMatchObject({ kind: "invalid" });
      await expect(creating({ name: "bridge" })).rejects.toMatchObject({ kind: "forbidden" });
      await expect(
        creating({ name: "n3", ipam: { pools: [{ subnet: "10.0.0.0/99" }] } }),
      ).rejects.toMatchObject({
        kind: "invalid",
      });
      await expect(creating({ name: "n3", driver: "weave" })).rejects.toMatchObject({ kind: "not_found" });
      expect(networks.list()).toHaveLength(4);
    });

    test("create() with an aborted signal rejects with its reason and leaves nothing", async () => {
      await using networks = await make();
      const reason = new Error("client went away");
      await expect(networks.create({ name: "n1" }, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(networks.list()).toHaveLength(3);
    });

    test("open() gives the lowest free address, the asked one, and takes each once", async ({ signal }) => {
      await using networks = await make();
      await networks.create(
        {
          name: "n1",
          ipam: {
            pools: [{ subnet: subnet(1), ipRange: `10.${second}.1.64/26`, gateway: `10.${second}.1.1` }],
          },
        },
        signal,
      );
      const first = await networks.open(opening("c1", "n1"), signal);
      expect(first.endpoints[0]).toMatchObject({ ipv4: `10.${second}.1.64`, gateway: `10.${second}.1.1` });
      const asked = await networks.open(opening("c2", "n1", { ipv4: `10.${second}.1.9` }), signal);
      expect(asked.endpoints[0]?.ipv4).toBe(`10.${second}.1.9`);
      await expect(
        networks.open(opening("c3", "n1", { ipv4: `10.${second}.1.9` }), signal),
      ).rejects.toMatchObject({ kind: "forbidden", message: "Address already in use" });
      await expect(networks.open(opening("c3", "n1", { ipv4: "10.1.1.1" }), signal)).rejects.toMatchObject({
        kind: "invalid",
      });
      await expect(networks.open(opening("c3", "bridge", { ipv4: "172.17.0.9" }), signal)).rejects.toThrow(
        "user specified IP address is supported on user defined networks only",
      );
      await networks.close("c1");
      await networks.close("c1");
      const again = await networks.open(opening("c4", "n1"), signal);
      expect(again.endpoints[0]?.ipv4).toBe(`10.${second}.1.64`);
      for (const id of ["c2", "c4"]) await networks.close(id);
    });

    test("open() refuses a port that another container holds, and names it", async ({ signal }) => {
      await using networks = await make();
      await networks.open(opening("c1", "bridge", {}, [port(28_971)]), signal);
      await expect(networks.open(opening("c2", "bridge", {}, [port(28_971)]), signal)).rejects.toMatchObject({
        kind: "internal",
        message: expect.stringMatching(
          /^driver failed programming external connectivity on endpoint name-of-c2 \([0-9a-f]{64}\): Bind for 127\.0\.0\.1:28971 failed: port is already allocated \(by container "name-of-c1"\)$/,
        ),
      });
      const ranged = await networks.open(
        opening("c3", "bridge", {}, [{ ...port(28_971), hostPortLast: 28_973 }]),
        signal,
      );
      expect(ranged.ports[0]?.hostPort).toBe(28_972);
      for (const id of ["c1", "c3"]) await networks.close(id);
    });

    test("open() with an aborted signal rejects with its reason and leaves nothing", async () => {
      await using networks = await make();
      const reason = new Error("client went away");
      await expect(networks.open(opening("c1", "bridge"), AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(networks.sandbox("c1")).toBeUndefined();
      expect(networks.endpoints(networks.get("bridge").id)).toEqual([]);
    });

    test("open() without endpoints gives a sandbox of its own", async ({ signal }) => {
      await using networks = await make();
      const sandbox = await networks.open({ ...opening("c1", "bridge"), endpoints: [] }, signal);
      expect(sandbox).toMatchObject({ containerId: "c1", endpoints: [], ports: [] });
      await networks.close("c1");
    });

    test("connect() and disconnect() change an open sandbox only", async ({ signal }) => {
      await using networks = await make();
      await networks.create({ name: "n1", ipam: { pools: [{ subnet: subnet(1) }] } }, signal);
      await expect(networks.connect("c1", "n1", wants("c1"), signal)).rejects.toMatchObject({
        kind: "conflict",
      });
      await networks.open(opening("c1", "bridge"), signal);
      const endpoint = await networks.connect("c1", "n1", wants("c1", { aliases: ["a"] }), signal);
      expect(endpoint.dnsNames).toEqual(["name-of-c1", "a", "c1"]);
      await expect(networks.connect("c1", "n1", wants("c1"), signal)).rejects.toMatchObject({
        kind: "forbidden",
        message: "endpoint with name name-of-c1 already exists in network n1",
      });
      expect(Object.keys(await networks.counters("c1"))).toEqual(["eth0", "eth1"]);
      expect(networks.endpoints(networks.get("n1").id)).toEqual([endpoint]);
      await expect(networks.remove("n1")).rejects.toMatchObject({ kind: "forbidden" });
      await networks.disconnect("c1", "n1");
      await expect(networks.disconnect("c1", "n1")).rejects.toMatchObject({ kind: "forbidden" });
      expect(networks.sandbox("c1")?.endpoints).toHaveLength(1);
      await networks.remove("n1");
      await networks.close("c1");
    });

    test("adopt() keeps what runs and closes the rest", async ({ signal }) => {
      await using networks = await make();
      const kept = await networks.open(opening("c1", "bridge"), signal);
      await networks.open(opening("c2", "bridge"), signal);
      await networks.adopt(new Set(["c1"]));
      expect(networks.sandbox("c1")).toEqual(kept);
      expect(networks.sandbox("c2")).toBeUndefined();
      await networks.adopt(new Set());
      expect(networks.sandbox("c1")).toBeUndefined();
    });
  });
}
