import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const MIB = 1024 * 1024;

test("inspect tells what a create left open", async () => {
  const name = docker.fresh("open");
  await docker.ok("create", "--name", name, "--memory", "64m", STARTER, "true");
  const host: Record<string, unknown> = JSON.parse(
    await docker.ok("inspect", "-f", "{{json .HostConfig}}", name),
  );
  expect(host).toMatchObject({
    IpcMode: "private",
    CgroupnsMode: expect.stringMatching(/^(host|private)$/),
    Memory: 64 * MIB,
    MemorySwap: 128 * MIB,
    MemorySwappiness: null,
    PidsLimit: null,
    MaskedPaths: expect.arrayContaining(["/proc/kcore", "/sys/firmware"]),
    ReadonlyPaths: expect.arrayContaining(["/proc/sys"]),
  });
  expect(await docker.ok("inspect", "-f", "{{json .Config.Volumes}}", name)).toBe("null");
});

test("update of memory keeps to the swap limit that was set", async () => {
  const name = docker.fresh("swap");
  await docker.ok("run", "-d", "--name", name, "--memory", "64m", STARTER, "sleep", "600");
  await docker.ok("update", "--memory", "96m", name);
  expect(await docker.ok("inspect", "-f", "{{.HostConfig.Memory}}", name)).toBe(String(96 * MIB));
  const refused = await docker("update", "--memory", "256m", name);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
  );
  expect(await docker.ok("inspect", "-f", "{{.HostConfig.Memory}}", name)).toBe(String(96 * MIB));
  await docker.ok("update", "--memory", "256m", "--memory-swap", "512m", name);
  expect(await docker.ok("inspect", "-f", "{{.HostConfig.MemorySwap}}", name)).toBe(String(512 * MIB));
});

test("a limit of processes can be set, moved and taken away, also while the container runs", async () => {
  const name = docker.fresh("pids");
  expect((await docker("run", "--rm", "--pids-limit", "-1", STARTER, "true")).code).toBe(0);
  await docker.ok("run", "-d", "--name", name, "--pids-limit", "3", STARTER, "sleep", "600");
  const spread = "for i in 1 2 3 4 5 6; do sleep 1 & done; wait";
  expect((await docker("exec", name, "sh", "-c", spread)).stderr).toContain("can't fork");
  await docker.ok("update", "--pids-limit", "-1", name);
  expect(await docker("exec", name, "sh", "-c", spread)).toMatchObject({ code: 0, stderr: "" });
});

test("a limit of processor time can be taken away while the container runs, and stays away", async () => {
  const name = docker.fresh("quota");
  await docker.ok("run", "-d", "--name", name, "--cpu-quota", "20000", STARTER, "sleep", "600");
  const quota = async (): Promise<number> => {
    const read =
      "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null || cut -d' ' -f1 /sys/fs/cgroup/cpu.max";
    const text = await docker.ok("exec", name, "sh", "-c", read);
    return text === "max" || text === "-1" ? Number.POSITIVE_INFINITY : Number(text);
  };
  expect(await quota()).toBe(20_000);
  await docker.ok("update", "--cpu-quota", "-1", name);
  expect(await quota()).toBeGreaterThan(1e9);
  expect(await docker.ok("inspect", "-f", "{{.HostConfig.CpuQuota}}", name)).toBe("-1");
  await docker.ok("restart", "-t", "0", name);
  expect(await quota()).toBe(Number.POSITIVE_INFINITY);
  const refused = await docker("update", "--cpu-rt-runtime", "950001", "--cpu-rt-period", "1000000", name);
  expect(refused.code).toBe(1);
  expect(refused.stderr).not.toContain('"msg"');
});

test("--ipc host shares the host's System V objects and needs no message queue mount there", async () => {
  const own = await docker.ok("run", "--rm", STARTER, "readlink", "/proc/self/ns/ipc");
  const shared = await docker.ok("run", "--rm", "--ipc", "host", STARTER, "readlink", "/proc/self/ns/ipc");
  const again = await docker.ok("run", "--rm", "--ipc", "host", STARTER, "readlink", "/proc/self/ns/ipc");
  expect(shared).toMatch(/^ipc:\[\d+\]$/);
  expect(again).toBe(shared);
  expect(own).not.toBe(shared);
});

test("network inspect shows empty options as Docker does", async () => {
  const name = docker.fresh("net");
  await docker.ok("network", "create", name);
  expect(await docker.ok("network", "inspect", "-f", "{{json .IPAM.Options}}", name)).toBe("{}");
});
