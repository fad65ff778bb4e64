import { expect, test } from "vitest";
import { FakeNetworkKernel } from "#testing/host";
import type { PortSpec } from "./contract.ts";
import { engineTag } from "./network-room.ts";
import { fakeNetworks } from "./testing.ts";

const stateRoot = "/nowhere/filter";
const table = engineTag(stateRoot);
const port: PortSpec = { containerPort: 80, protocol: "tcp", hostAddress: "0.0.0.0", hostPort: 28_980 };
const opening = (containerId: string, ports: readonly PortSpec[]) => ({
  containerId,
  endpoints: [
    {
      network: "bridge",
      spec: { containerId, containerName: containerId, hostname: containerId, aliases: [] },
    },
  ],
  ports,
  dns: { servers: [], search: [], options: [] },
});

test("a published port is an element of the table while its sandbox is open", async ({ signal }) => {
  const kernel = new FakeNetworkKernel();
  await using networks = await fakeNetworks({ stateRoot, bridgeSubnet: "10.219.7.0/24" }, { kernel });
  const elements = (set: string) => kernel.tables.elements(`inet ${table}`, set);
  expect(elements("bridges")).toEqual(["lsh0"]);
  await networks.open(opening("c1", [port]), signal);
  expect(elements("publish_any")).toEqual(["tcp . 28980 : 10.219.7.2 . 80"]);
  expect(elements("published")).toEqual(["10.219.7.2 . tcp . 80"]);
  await networks.close("c1");
  expect([elements("publish_any"), elements("published"), elements("selves")]).toEqual([[], [], []]);
});

test("a table that someone flushed is laid down again whole by the next change", async ({ signal }) => {
  const kernel = new FakeNetworkKernel();
  await using networks = await fakeNetworks({ stateRoot, bridgeSubnet: "10.219.7.0/24" }, { kernel });
  await networks.open(opening("c1", [port]), signal);
  kernel.removeTable(table);
  await networks.open(opening("c2", [{ ...port, hostPort: 28_981 }]), signal);
  expect(kernel.tables.elements(`inet ${table}`, "publish_any")).toEqual([
    "tcp . 28980 : 10.219.7.2 . 80",
    "tcp . 28981 : 10.219.7.3 . 80",
  ]);
  expect(kernel.tables.elements(`inet ${table}`, "together")).toEqual(["lsh0 . lsh0"]);
  for (const id of ["c1", "c2"]) await networks.close(id);
});

test("a bridge and its table go with the last engine that has no sandbox", async () => {
  const kernel = new FakeNetworkKernel();
  {
    await using networks = await fakeNetworks({ stateRoot }, { kernel });
    expect(networks.list()).toHaveLength(3);
  }
  expect(kernel.listBridges()).toEqual([]);
  expect(kernel.tables.elements(`inet ${table}`, "bridges")).toBeUndefined();
});
