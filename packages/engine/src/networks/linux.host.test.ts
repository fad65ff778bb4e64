import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { memoryStore } from "#testing/store";
import { networksConformance } from "./conformance.ts";
import { openNetworks, type Networks } from "./index.ts";

/** The suite on this machine's kernel; whatever a test leaves open is closed at dispose. */
networksConformance("Linux", 219, async (): Promise<Networks> => {
  const root = await mkdtemp(path.join(os.tmpdir(), "networks-"));
  const networks = await openNetworks(
    {
      store: memoryStore(),
      events: openEvents(),
      stateRoot: root,
      dataRoot: root,
      log: silentLogger,
      clock: systemClock,
      bridgeSubnet: "10.219.200.0/24",
    },
    new AbortController().signal,
  );
  const dispose = networks[Symbol.asyncDispose].bind(networks);
  return Object.assign(networks, {
    [Symbol.asyncDispose]: async () => {
      await networks.adopt(new Set());
      await dispose();
      await rm(root, { recursive: true });
    },
  });
});
