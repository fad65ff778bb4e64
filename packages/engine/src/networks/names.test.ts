import { expect, test } from "vitest";
import { FakeDns } from "#testing/dns";
import type { Networks } from "./contract.ts";
import { fakeNetworks } from "./testing.ts";

async function open(
  networks: Networks,
  containerId: string,
  network: string,
  signal: AbortSignal,
): Promise<string> {
  const spec = {
    containerId,
    containerName: `name-${containerId}`,
    hostname: containerId,
    aliases: [`alias-${containerId}`],
  };
  const { endpoints } = await networks.open(
    { containerId, endpoints: [{ network, spec }], ports: [], dns: { servers: [], search: [], options: [] } },
    signal,
  );
  return endpoints[0]?.ipv4 ?? "";
}

test("containers know each other's names and aliases on their own network, as long as they run", async ({
  signal,
}) => {
  const dns = new FakeDns();
  await using networks = await fakeNetworks({}, { dns });
  for (const name of ["front", "back"]) await networks.create({ name }, signal);
  const one = await open(networks, "c1", "front", signal);
  await open(networks, "c2", "front", signal);
  await open(networks, "c3", "back", signal);
  for (const name of ["name-c1", "alias-c1", "NAME-C1"])
    expect(dns.ask("c2", name, "A")).toEqual({ code: "ok", values: [one] });
  expect(dns.ask("c3", "name-c1", "A")).not.toMatchObject({ code: "ok" });
  const reverse = `${one.split(".").toReversed().join(".")}.in-addr.arpa`;
  expect(dns.ask("c2", reverse, "PTR")?.values).toEqual(["name-c1.front"]);
  await networks.close("c1");
  expect(dns.ask("c2", "name-c1", "A")).not.toMatchObject({ code: "ok" });
  expect(dns.ask("c1", "name-c2", "A")).toBeUndefined();
});

test("a DNS server that was begun anew is told everything again", async ({ signal }) => {
  const dns = new FakeDns();
  await using networks = await fakeNetworks({}, { dns });
  await networks.create({ name: "front" }, signal);
  const one = await open(networks, "c1", "front", signal);
  await open(networks, "c2", "front", signal);
  dns.fail();
  await expect
    .poll(() => dns.ask("c2", "name-c1", "A"), { interval: 1 })
    .toEqual({ code: "ok", values: [one] });
});
