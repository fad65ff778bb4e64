import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { isCgroupDelegated, oomKillsAt, unifiedStatsAt } from "./cgroups.ts";

/** A folder with the files of a cgroup, as the kernel words them. */
function inCgroup(files: Readonly<Record<string, string>>, work: (directory: string) => void): void {
  const directory = mkdtempSync(path.join(os.tmpdir(), "longshore-cgroup-"));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(directory, name), text);
    work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("unifiedStatsAt() reads the files of a v2 cgroup", () => {
  const files = {
    "memory.current": "1048576\n",
    "memory.peak": "2097152\n",
    "memory.max": "67108864\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 1\n",
    "memory.stat": "anon 4096\nfile 8192\ninactive_file 1024\n",
    "cpu.stat":
      "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\nnr_periods 7\nnr_throttled 2\nthrottled_usec 90\n",
    "pids.current": "3\n",
    "pids.max": "100\n",
    "io.stat": "254:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0\n8:16\n",
  };
  inCgroup(files, (directory) => {
    expect(unifiedStatsAt(directory)).toEqual({
      memory: {
        usageBytes: 1_048_576,
        maxUsageBytes: 2_097_152,
        limitBytes: 67_108_864,
        failures: 2,
        stat: { anon: 4096, file: 8192, inactive_file: 1024 },
      },
      cpu: {
        usageNano: 5_000_000,
        userNano: 3_000_000,
        systemNano: 2_000_000,
        periods: 7,
        throttledPeriods: 2,
        throttledNano: 90_000,
      },
      pids: { current: 3, limit: 100 },
      blockIo: [
        { major: 254, minor: 0, operation: "read", bytes: 4096, count: 1 },
        { major: 254, minor: 0, operation: "write", bytes: 8192, count: 2 },
        { major: 8, minor: 16, operation: "read", bytes: 0, count: 0 },
        { major: 8, minor: 16, operation: "write", bytes: 0, count: 0 },
      ],
    });
    expect(oomKillsAt(directory)).toBe(1);
  });
});

test("no limit, and files that a kernel or a missing controller lacks, are no numbers", () => {
  inCgroup({ "memory.max": "max\n", "pids.max": "max\n", "cpu.stat": "usage_usec 1\n" }, (directory) => {
    const { memory, pids, cpu, blockIo } = unifiedStatsAt(directory);
    expect([memory, pids, blockIo]).toEqual([{ usageBytes: 0, failures: 0, stat: {} }, { current: 0 }, []]);
    expect(cpu).toMatchObject({ usageNano: 1000, periods: 0 });
    expect(oomKillsAt(directory)).toBe(0);
  });
});

test("oomKillsAt() reads the v1 file too", () => {
  inCgroup({ "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n" }, (directory) =>
    expect(oomKillsAt(directory)).toBe(4),
  );
});

test("isCgroupDelegated() is true of a v2 tree that is mounted with nsdelegate, alone or over others", () => {
  const root = "25 1 254:0 / / rw - ext4 /dev/root rw";
  const mount = (at: string, type: string, options: string): string =>
    `31 25 0:26 / ${at} rw,nosuid shared:9 - ${type} ${type} ${options}`;
  const delegated = mount("/sys/fs/cgroup", "cgroup2", "rw,nsdelegate,memory_recursiveprot");
  const isIt = (...lines: readonly string[]): boolean => isCgroupDelegated([root, ...lines, ""].join("\n"));
  expect(isIt(delegated)).toBe(true);
  expect(isIt(mount("/sys/fs/cgroup", "tmpfs", "rw"), delegated)).toBe(true);
  expect(isIt(mount("/sys/fs/cgroup", "cgroup2", "rw"))).toBe(false);
  expect(isIt(mount("/sys/fs/cgroup", "tmpfs", "rw"))).toBe(false);
  expect(isIt(mount("/sys/fs/cgroup/unified", "cgroup2", "rw,nsdelegate"))).toBe(false);
  expect(isIt()).toBe(false);
});
