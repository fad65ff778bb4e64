import { expect, test } from "vitest";
import { fakeFacts } from "#testing/containers";
import { kernelInfo } from "./kernel-info.ts";

const all = fakeFacts.kernelLimits;
const without = (...names: readonly string[]): typeof all =>
  new Set([...all].filter((name) => !names.includes(name)));

test("a kernel that has all of it is told so, without a warning", () => {
  const { fields, warnings } = kernelInfo({ limits: all, isCgroupV2: false, isForwarding: true });
  expect(warnings).toEqual([]);
  expect(fields).toEqual({
    MemoryLimit: true,
    SwapLimit: true,
    KernelMemoryTCP: true,
    CpuCfsPeriod: true,
    CpuCfsQuota: true,
    CPUShares: true,
    CPUSet: true,
    PidsLimit: true,
    OomKillDisable: true,
    IPv4Forwarding: true,
    CgroupVersion: "1",
  });
});

test("what is missing is false, and said in Docker's words", () => {
  const limits = without("swap", "cpu-cfs", "cpuset", "blkio-throttle", "blkio-weight");
  const { fields, warnings } = kernelInfo({ limits, isCgroupV2: false, isForwarding: false });
  expect(fields).toMatchObject({ MemoryLimit: true, SwapLimit: false, CpuCfsQuota: false, CPUSet: false });
  expect(warnings).toEqual([
    "WARNING: No swap limit support",
    "WARNING: No cpu cfs quota support",
    "WARNING: No cpu cfs period support",
    "WARNING: No cpuset support",
    "WARNING: No blkio throttle.read_bps_device support",
    "WARNING: No blkio throttle.write_bps_device support",
    "WARNING: No blkio throttle.read_iops_device support",
    "WARNING: No blkio throttle.write_iops_device support",
    "WARNING: IPv4 forwarding is disabled",
  ]);
});

test("cgroup v2 is not warned of for what it does not have by design", () => {
  const limits = without("oom-kill-disable", "kernel-memory-tcp", "memory-swappiness", "blkio-weight");
  const { fields, warnings } = kernelInfo({ limits, isCgroupV2: true, isForwarding: true });
  expect(fields).toMatchObject({ OomKillDisable: false, CgroupVersion: "2" });
  expect(fields).not.toHaveProperty("KernelMemoryTCP");
  expect(warnings).toEqual(["WARNING: No io.weight support"]);
});
