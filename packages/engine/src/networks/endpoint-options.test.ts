import { expect, test } from "vitest";
import { endpointOptions } from "./endpoint-options.ts";

const options = (given: Readonly<Record<string, string>>): ReturnType<typeof endpointOptions> =>
  endpointOptions({
    driverOptions: Object.fromEntries(
      Object.entries(given).map(([name, value]) => [`com.docker.network.endpoint.${name}`, value]),
    ),
  });

test("an endpoint without options has none", () => {
  expect(endpointOptions({}).interfaceName).toBeUndefined();
  expect(endpointOptions({}).sysctls("eth0")).toEqual({});
});

test("settings name the interface that it gets, its dots as slashes", () => {
  const { interfaceName, sysctls } = options({
    ifname: "lan.7",
    sysctls: "net.ipv4.conf.IFNAME.log_martians=1,net.ipv6.conf.IFNAME.accept_ra=2",
  });
  expect(interfaceName).toBe("lan.7");
  expect(sysctls("lan.7")).toEqual({
    "net.ipv4.conf.lan/7.log_martians": "1",
    "net.ipv6.conf.lan/7.accept_ra": "2",
  });
});

test("the docker CLI's small letters are as good", () => {
  const { sysctls } = options({ sysctls: "net.ipv4.conf.ifname.log_martians=1" });
  expect(sysctls("eth0")).toEqual({ "net.ipv4.conf.eth0.log_martians": "1" });
});

test("options of other drivers are named and passed over", () => {
  expect(options({ colour: "red", ifname: "a" }).ignored).toEqual(["com.docker.network.endpoint.colour"]);
});

test.for([
  { ifname: "a/b" },
  { ifname: "sixteen-letters-" },
  { sysctls: "net.ipv4.ip_forward=1" },
  { sysctls: "kernel.shmmax.IFNAME.x=1" },
  { sysctls: "net.ipv4.conf.IFNAME.log_martians" },
  { sysctls: "net.core.conf.IFNAME.x=1" },
])("%j is refused", (given) => {
  expect(() => options(given as unknown as Record<string, string>)).toThrow(
    expect.objectContaining({ kind: "invalid" }) as Error,
  );
});
