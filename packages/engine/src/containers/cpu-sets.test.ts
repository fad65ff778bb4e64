import { expect, test } from "vitest";
import { checkCpuSets } from "./cpu-sets.ts";
import { plainRequest } from "./testing.ts";

const check = (CpusetCpus: string, CpusetMems = ""): void =>
  checkCpuSets(plainRequest(["x"], { CpusetCpus, CpusetMems }).host, { cpus: "0-3,6", mems: "0" });

test.for(["", "0", "0-3", "3,2,1", "0-0,0,1-2", "6"])("processors %j are there", (cpus) => {
  expect(() => check(cpus)).not.toThrow();
});

test.for([
  ["4", "", "Requested CPUs are not available - requested 4, available: 0-3,6"],
  ["0-6", "", "Requested CPUs are not available - requested 0-6, available: 0-3,6"],
  ["a", "", "Invalid value a for cpuset cpus: invalid format: a"],
  ["0,", "", "Invalid value 0, for cpuset cpus: invalid format: 0,"],
  ["2-1", "", "Invalid value 2-1 for cpuset cpus: invalid format: 2-1"],
  ["0", "1", "Requested memory nodes are not available - requested 1, available: 0"],
  ["", "x", "Invalid value x for cpuset mems: invalid format: x"],
  [
    "",
    "0-9223372036854775807",
    "Invalid value 0-9223372036854775807 for cpuset mems: value of out range, maximum is 8192",
  ],
] as const)("processors %j on nodes %j are refused", ([cpus, mems, message]) => {
  expect(() => check(cpus, mems)).toThrow(expect.objectContaining({ kind: "invalid", message }) as Error);
});
