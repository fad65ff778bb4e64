import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { errno } from "#kernel";
import { cgroupsConformance, mountsConformance, networkConformance } from "../conformance.ts";
import { cgroupMode, linuxCgroups } from "./cgroups.ts";
import { linuxMounts } from "./mount-table.ts";
import { openNetworkThread } from "./network-thread.ts";
import { loadNftScript } from "./nft-command.ts";
import { enterOwnNetwork } from "./own-network.ts";

const run = promisify(execFile);

networkConformance("Linux", async () => {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(os.tmpdir(), "longshore-pins-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  undo.use(enterOwnNetwork());
  const thread = undo.use(openNetworkThread());
  // Pins are mounts: each goes before the folder.
  undo.defer(async () => {
    const pins = openNetworkThread();
    for (const file of await pins.listPins(folder)) await pins.dropSandbox(file, []);
    await pins[Symbol.asyncDispose]();
  });
  const ip = async (...given: readonly string[]): Promise<Readonly<Record<string, unknown>>[]> =>
    JSON.parse((await run("ip", ["-j", ...given])).stdout || "[]");
  const inside = async (file: string, ...given: readonly string[]): ReturnType<typeof ip> =>
    JSON.parse((await run("nsenter", [`--net=${file}`, "ip", "-j", ...given])).stdout || "[]");
  const stack = undo.move();
  return {
    thread,
    loadRules: loadNftScript,
    folder,
    elements: async (table, set) => {
      for (const kind of ["set", "map"]) {
        const listed = await run("nft", ["list", kind, ...table.split(" "), set]).catch(() => undefined);
        if (listed === undefined) continue;
        const [, text] = /elements = \{([^}]*)\}/.exec(listed.stdout) ?? [];
        return (text?.split(",") ?? []).map((element) => element.trim()).sort();
      }
      return undefined;
    },
    portsOf: async (bridge) =>
      (await ip("link", "show", "master", bridge)).map(({ ifname }) => String(ifname)),
    gatewaysOf: async (file) =>
      (await inside(file, "route", "show", "default")).map(({ gateway }) => String(gateway)),
    addressesOf: async (file, name) => {
      const [link] = await inside(file, "-4", "address", "show", "dev", name);
      const found = (link?.["addr_info"] ?? []) as { readonly local: string; readonly prefixlen: number }[];
      return found.map(({ local, prefixlen }) => `${local}/${prefixlen}`);
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
});

test("openNetworkThread() begins its thread for the first call that enters a sandbox, and calls before it took effect", async () => {
  const folder = await mkdtemp(path.join(os.tmpdir(), "longshore-pins-"));
  using _ = enterOwnNetwork();
  const threads = (): number =>
    readdirSync("/proc/self/task").filter(
      (id) => readFileSync(`/proc/self/task/${id}/comm`, "utf8") === "network\n",
    ).length;
  const before = threads();
  const thread = openNetworkThread();
  const file = path.join(folder, "one/netns");
  try {
    const bridge = { name: "lshlazy0", alias: "lazy", macAddress: "02:42:0a:09:00:01", mtu: 1500 };
    await thread.ensureBridge({ ...bridge, addresses: [{ address: "10.9.0.1", prefixLength: 24 }] });
    await expect(thread.isPinned(file)).resolves.toBe(false);
    await expect(thread.ensureBridge({ ...bridge, alias: "other", addresses: [] })).rejects.toMatchObject({
      name: "NetworkCallError",
      code: "EEXIST",
    });
    expect(threads()).toBe(before);
    await thread.buildSandbox({ file, plugs: [], gateways: [], sysctls: {} });
    expect(threads()).toBe(before + 1);
    await expect(thread.listBridges()).resolves.toEqual([{ name: "lshlazy0", alias: "lazy", isUp: true }]);
    await thread.dropSandbox(file, []);
  } finally {
    await thread[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
  await expect(thread.isPinned(file)).rejects.toThrow("the network thread has ended");
});

mountsConformance("Linux", () => linuxMounts);

cgroupsConformance("Linux", async () => {
  const root = "/sys/fs/cgroup";
  const isUnified = cgroupMode() === "unified";
  const hierarchies = isUnified
    ? [root]
    : readdirSync(root, { withFileTypes: true })
        .filter((entry) => entry.isDirectory() && entry.name !== "unified" && entry.name !== "cpuset")
        .map((entry) => path.join(root, entry.name))
        // A folder beside them is no hierarchy.
        .filter((directory) => existsSync(path.join(directory, "cgroup.procs")));
  const at = (controller: string): string => (isUnified ? root : path.join(root, controller));
  const own = `/lsht-${process.pid}`;
  const processes = new Map<number, ReturnType<typeof spawn>>();
  const end = async (pid: number): Promise<void> => {
    const child = processes.get(pid);
    if (child === undefined || !processes.delete(pid)) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  const create = async (
    name: string,
    limits: { memoryBytes?: number; pids?: number } = {},
  ): Promise<void> => {
    for (const hierarchy of hierarchies) mkdirSync(path.join(hierarchy, name), { recursive: true });
    const memory = isUnified ? "memory.max" : "memory.limit_in_bytes";
    if (limits.memoryBytes !== undefined)
      writeFileSync(path.join(at("memory"), name, memory), String(limits.memoryBytes));
    if (limits.pids !== undefined)
      writeFileSync(path.join(at("pids"), name, "pids.max"), String(limits.pids));
  };
  await create(own);
  return {
    cgroups: linuxCgroups,
    path: own,
    create,
    start: async (name) => {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" });
      await once(child, "spawn");
      const pid = child.pid ?? -1;
      processes.set(pid, child);
      for (const hierarchy of hierarchies)
        writeFileSync(path.join(hierarchy, name, "cgroup.procs"), String(pid));
      return pid;
    },
    end,
    isFrozen: async (name) => {
      const directory = path.join(at("freezer"), name);
      return isUnified
        ? readFileSync(path.join(directory, "cgroup.events"), "utf8").includes("frozen 1")
        : readFileSync(path.join(directory, "freezer.state"), "utf8").trim() === "FROZEN";
    },
    [Symbol.asyncDispose]: async () => {
      for (const pid of processes.keys()) await end(pid);
      for (const hierarchy of hierarchies) removeBelow(path.join(hierarchy, own));
    },
  };
});

/** Only what is there: rmdir(2) is the way to remove a cgroup, and the files in it are no files. */
function removeBelow(directory: string): void {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeBelow(path.join(directory, entry.name));
  try {
    rmdirSync(directory);
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
  }
}
