import { expect, test } from "vitest";
import { parseSecurityOptions } from "./security-options.ts";

test("parseSecurityOptions() reads flags, in both forms", () => {
  expect(parseSecurityOptions([])).toEqual({ isNoNewPrivileges: false, seccomp: "" });
  expect(parseSecurityOptions(["no-new-privileges", "writable-cgroups=1"])).toMatchObject({
    isNoNewPrivileges: true,
    isCgroupWritable: true,
  });
  expect(parseSecurityOptions(["writable-cgroups:False"])).toMatchObject({ isCgroupWritable: false });
});

test("parseSecurityOptions() refuses another value of writable-cgroups by naming the option", () => {
  expect(() => parseSecurityOptions(["writable-cgroups=maybe"])).toThrow(
    expect.objectContaining({
      kind: "invalid",
      message: 'invalid --security-opt 2: "writable-cgroups=maybe"',
    }),
  );
});
