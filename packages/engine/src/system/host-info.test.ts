import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hostInfo } from "./host-info.ts";

test("hostInfo() names what it stands on, and says so where it can't", async () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-info-"));
  try {
    const told = await hostInfo(folder, "/usr/bin/tini-static");
    expect(told).toMatchObject({ InitBinary: "tini-static", FirewallBackend: { Driver: "nftables" } });
    expect(told["DriverStatus"]).toEqual([["Backing Filesystem", expect.stringMatching(/^[a-z0-9]+$/)]]);
    expect(told["NFd"]).toBeGreaterThan(3);
    expect(await hostInfo(join(folder, "none"), undefined)).toMatchObject({
      DriverStatus: [["Backing Filesystem", "<unknown>"]],
      InitBinary: "",
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});
