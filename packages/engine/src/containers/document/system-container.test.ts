import { expect, test } from "vitest";
import { hasWritableCgroups, isSystemContainer, withSystemMounts } from "./system-container.ts";
import { plainRequest } from "../testing.ts";

const run = { destination: "/run", type: "tmpfs", source: "tmpfs", options: ["nosuid"] };
const { host } = plainRequest([]);
const namespaces = { network: "", pid: "", ipc: "", uts: "", cgroup: "" };
const system = {
  host,
  namespaces,
  path: "/sbin/init",
  mounts: [run],
  isCgroupDelegated: true,
};

test.each(["/sbin/init", "/usr/sbin/init", "/lib/systemd/systemd", "/usr/lib/systemd/systemd", "init"])(
  "isSystemContainer() knows %s as an init",
  (path) => expect(isSystemContainer({ ...system, path })).toBe(true),
);

test.each([
  ["another program", { path: "/bin/init.sh" }],
  ["no tmpfs on /run", { mounts: [] }],
  ["a bind on /run", { mounts: [{ ...run, type: "bind" }] }],
  ["the host's cgroup namespace", { namespaces: { ...namespaces, cgroup: "host" } }],
  ["a kernel that doesn't guard limits", { isCgroupDelegated: false }],
])("hasWritableCgroups() is false with %s", (_, change) => {
  expect(hasWritableCgroups(system)).toBe(true);
  expect(hasWritableCgroups({ ...system, ...change })).toBe(false);
});

test("hasWritableCgroups() is what writable-cgroups says, first of all", () => {
  const said = (value: string, Privileged = false): boolean =>
    hasWritableCgroups({
      ...system,
      host: { ...host, Privileged, SecurityOpt: [`writable-cgroups=${value}`] },
    });
  expect([said("true"), said("0"), said("false", true)]).toEqual([true, false, false]);
});

test("withSystemMounts() puts /run/lock right after /run, unless there is one", () => {
  const places = (mounts: readonly (typeof run)[]): readonly string[] =>
    withSystemMounts({ ...system, mounts }).map(({ destination }) => destination);
  const below = { ...run, destination: "/run/lock/mine" };
  expect(places([run, below])).toEqual(["/run", "/run/lock", "/run/lock/mine"]);
  expect(places([run, { ...run, destination: "/run/lock" }])).toEqual(["/run", "/run/lock"]);
  expect(withSystemMounts({ ...system, path: "/bin/sh" })).toEqual([run]);
});
