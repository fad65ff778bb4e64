import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { openEvents } from "#events";
import { silentLogger, systemClock } from "#kernel";
import { openStore } from "#store";
import { openNetworks, type Networks } from "./index.ts";
import { engineTag } from "./network-room.ts";

const run = promisify(execFile);
const NETWORK = "10.219.210.0/24";

/** An engine of its own process: opens one sandbox that stays, then opens and closes others without end. */
const busyEngine = `
  const [root] = process.argv.slice(1);
  const { openNetworks } = await import(${JSON.stringify(new URL("./index.ts", import.meta.url).href)});
  const { openStore } = await import(${JSON.stringify(new URL("../store/index.ts", import.meta.url).href)});
  const { openEvents } = await import(${JSON.stringify(new URL("../events/index.ts", import.meta.url).href)});
  const { silentLogger, systemClock } = await import(${JSON.stringify(new URL("../kernel/index.ts", import.meta.url).href)});
  const { signal } = new AbortController();
  const store = openStore(root + "/m.db");
  const networks = await openNetworks({ store, events: openEvents(), stateRoot: root, dataRoot: root,
    log: silentLogger, clock: systemClock, bridgeSubnet: "10.219.211.0/24" }, signal);
  await networks.create({ name: "front", ipam: { pools: [{ subnet: ${JSON.stringify(NETWORK)} }] } }, signal);
  const open = (id) => networks.open({ containerId: id,
    endpoints: [{ network: "front", spec: { containerId: id, containerName: id, hostname: id, aliases: [] } }],
    ports: [{ containerPort: 80, protocol: "tcp", hostAddress: "", hostPort: 0 }],
    dns: { servers: [], search: [], options: [] } }, signal);
  await open("stays");
  console.log("ready");
  for (let at = 0; ; at++) {
    await Promise.all([open("a" + at), open("b" + at)]);
    await Promise.all([networks.close("a" + at), networks.close("b" + at)]);
  }
`;

async function reopen(root: string, work: (networks: Networks) => Promise<void>): Promise<void> {
  await using store = openStore(path.join(root, "m.db"));
  await using networks = await openNetworks(
    {
      store,
      events: openEvents(),
      stateRoot: root,
      dataRoot: root,
      log: silentLogger,
      clock: systemClock,
      bridgeSubnet: "10.219.211.0/24",
    },
    new AbortController().signal,
  );
  await work(networks);
}

test("openNetworks() after kill -9 keeps what runs and leaves nothing else behind", async ({ signal }) => {
  for (const killedAfterMs of [3, 11, 40]) {
    const root = await mkdtemp(path.join(os.tmpdir(), "networks-killed-"));
    const child = spawn(process.execPath, ["--input-type=module", "-e", busyEngine, root], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = once(child, "exit");
    try {
      await once(child.stdout, "data", { signal });
      await delay(killedAfterMs);
    } finally {
      child.kill("SIGKILL");
      await ended;
    }
    const pins = async (): Promise<string[]> => {
      const lines = (await readFile("/proc/self/mountinfo", "utf8")).split("\n");
      return lines.map((line) => line.split(" ")[4] ?? "").filter((file) => file.startsWith(root));
    };
    await reopen(root, async (networks) => {
      await networks.adopt(new Set(["stays"]));
      expect(networks.sandbox("stays")?.endpoints[0]?.ipv4).toBe("10.219.210.2");
      expect(await pins()).toEqual([path.join(root, "containers", "stays", "netns")]);
      await networks.adopt(new Set());
      expect(await pins()).toEqual([]);
      await networks.remove("front");
    });
    const { stdout: tables } = await run("nft", ["list", "tables"]);
    expect(tables).not.toContain(engineTag(root));
    const { stdout: links } = await run("ip", ["-d", "link", "show", "type", "bridge"]);
    expect(links).not.toContain(engineTag(root));
    await rm(root, { recursive: true });
  }
});
