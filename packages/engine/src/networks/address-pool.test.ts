import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { AddressPool, checkMac, defaultSubnets, macOf } from "./address-pool.ts";
import { formatAddress, formatCidr, overlaps, parseAddress, parseCidr } from "./cidr.ts";

describe("AddressPool", () => {
  test("takeNext() leaves out network, gateway, broadcast and reserved addresses, and ends", () => {
    const pool = new AddressPool({ subnet: "10.0.0.0/29", auxAddresses: { router: "10.0.0.2" } });
    expect(pool.gateway).toBe("10.0.0.1");
    expect([1, 2, 3, 4, 5].map(() => pool.takeNext())).toEqual([
      "10.0.0.3",
      "10.0.0.4",
      "10.0.0.5",
      "10.0.0.6",
      undefined,
    ]);
    pool.release("10.0.0.4");
    pool.release("10.0.0.1");
    expect(pool.takeNext()).toBe("10.0.0.4");
    expect(pool.takeNext()).toBeUndefined();
  });

  test("constructor refuses a range or gateway outside the subnet", () => {
    expect(() => new AddressPool({ subnet: "10.0.0.0/24", ipRange: "10.0.1.0/25" })).toThrow("not in subnet");
    expect(() => new AddressPool({ subnet: "10.0.0.0/24", gateway: "10.0.1.1" })).toThrow("not in subnet");
  });
});

describe("addresses", () => {
  test("formatAddress() writes what parseAddress() reads", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const { value, bits } = parseAddress(text);
        expect(parseAddress(formatAddress(value, bits))).toEqual({ value, bits });
      }),
    );
    expect(formatAddress(parseAddress("fd00:0:0:1:0:0:0:1").value, 128)).toBe("fd00:0:0:1::1");
    expect(formatAddress(parseAddress("::ffff:1.2.3.4").value, 128)).toBe("::ffff:102:304");
  });

  test.for(["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "x/8", "::/129", "10.0.0.0/8/8", "10.0.0.0/-1"])(
    "parseCidr() refuses %j",
    (text) => {
      expect(() => parseCidr(text)).toThrow(/invalid CIDR address/);
    },
  );

  test("defaultSubnets() never overlap, in Docker's order", () => {
    const all = [...defaultSubnets()];
    expect(all.map(formatCidr).slice(0, 2)).toEqual(["172.17.0.0/16", "172.18.0.0/16"]);
    expect(formatCidr(all.at(-1) ?? parseCidr("0.0.0.0/0"))).toBe("192.168.240.0/20");
    for (const [at, one] of all.entries())
      for (const other of all.slice(at + 1)) expect(overlaps(one, other)).toBe(false);
  });

  test("macOf() follows the address, checkMac() refuses groups", () => {
    expect(macOf("172.17.0.2")).toBe("02:42:ac:11:00:02");
    expect(() => checkMac("01:00:5e:00:00:01")).toThrow("invalid MAC address");
    expect(checkMac("02:AB:00:00:00:01")).toBe("02:ab:00:00:00:01");
  });
});
