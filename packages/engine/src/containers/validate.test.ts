import { expect, test } from "vitest";
import type { HostSettings } from "./settings.ts";
import { fakeFacts, openOnFakes, plainRequest } from "./testing.ts";
import { validate } from "./validate.ts";

const check = (host: Partial<HostSettings>, more: object = {}, facts = fakeFacts): readonly string[] => {
  const request = plainRequest(["x"], host);
  return validate({ ...request.settings, ...more }, request.host, facts);
};

test.for<[Partial<HostSettings>, string]>([
  [{ NanoCpus: 9e9 }, "range of CPUs is from 0.01 to 8.00, as there are only 8 CPUs available"],
  [{ NanoCpus: 1e9, CpuPeriod: 5000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set"],
  [{ NanoCpus: 1e9, CpuQuota: 5000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
  [{ CpuShares: -1 }, "invalid CPU shares (-1): value must be a positive integer"],
  [
    { CpuPeriod: 999 },
    "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
  ],
  [{ CpuQuota: 999 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
  [{ IpcMode: "bogus" }, "invalid IPC mode: bogus"],
  [{ PidMode: "private" }, "invalid PID mode: private"],
  [{ PidMode: "container:" }, "invalid PID mode: container:"],
  [{ UTSMode: "private" }, "invalid UTS mode: private"],
  [{ CgroupnsMode: "bogus" }, "invalid cgroup namespace mode: bogus"],
  [{ CapAdd: ["nope"] }, 'invalid CapAdd: unknown capability: "CAP_NOPE"'],
  [{ CapDrop: ["nope"] }, 'invalid CapDrop: unknown capability: "CAP_NOPE"'],
  [{ ExtraHosts: ["a"] }, 'bad format for add-host: "a"'],
  [{ ExtraHosts: ["a:1.2.3"] }, 'invalid IP address in add-host: "1.2.3"'],
  [
    { Annotations: { "": "x" } },
    "invalid Annotations: the empty string is not permitted as an annotation key",
  ],
  [{ DeviceCgroupRules: ["x 1:3 r"] }, "invalid device cgroup rule format: 'x 1:3 r'"],
  [{ SecurityOpt: ["bogus"] }, 'invalid --security-opt 1: "bogus"'],
  [{ SecurityOpt: ["systempaths=unconfined"] }, 'invalid --security-opt 2: "systempaths=unconfined"'],
  [{ SecurityOpt: ["no-new-privileges=maybe"] }, 'invalid --security-opt 2: "no-new-privileges=maybe"'],
  [{ SecurityOpt: ["seccomp={"] }, "decoding seccomp profile failed: not valid JSON"],
  [
    { RestartPolicy: { Name: "always", MaximumRetryCount: -1 } },
    "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
  ],
  [{ PortBindings: { "x/tcp": [] } }, 'invalid port specification: "x"'],
  [{ PortBindings: { "80/tcp": [{ HostIp: "", HostPort: "y" }] } }, 'invalid port specification: "y"'],
])("%j is refused in Docker's words", ([host, message]) => {
  expect(() => check(host)).toThrow(expect.objectContaining({ kind: "invalid", message }) as Error);
});

test("a stop signal that there is none of is refused", () => {
  expect(() => check({}, { StopSignal: "NOPE" })).toThrow("invalid signal: NOPE");
});

test.for<Partial<HostSettings>>([
  { NanoCpus: 1e9, CpuQuota: -1 },
  { IpcMode: "container:other", PidMode: "container:other" },
  { ExtraHosts: ["a:::1", "b:[::1]", "c=1.2.3.4", "d:host-gateway"] },
  { DeviceCgroupRules: ["a *:* rwm", "b 8:* r"] },
  {
    SecurityOpt: [
      "disable",
      "label=disable",
      "apparmor=unconfined",
      "no-new-privileges:0",
      "writable-cgroups",
    ],
  },
])("%j is fine, and nobody is warned", (host) => {
  expect(check(host)).toEqual([]);
});

test("labels, and a profile where there is no AppArmor, are discarded with a warning", () => {
  const host = { SecurityOpt: ["label=type:spc_t", "apparmor=docker-default"] };
  expect(check(host)).toEqual([
    'SELinux labels are not supported by this engine. "label=type:spc_t" discarded.',
    'This host has no AppArmor. "apparmor=docker-default" discarded.',
  ]);
  expect(check(host, {}, { ...fakeFacts, hasAppArmor: true })).toHaveLength(1);
});

test("a health check that can't be run is discarded with a warning", () => {
  const warned = (Test: readonly string[]): readonly string[] => check({}, { Healthcheck: { Test } });
  expect(warned(["FOO", "true"])).toEqual([
    "Unknown healthcheck type 'FOO' (expected 'CMD'). Healthcheck discarded.",
  ]);
  expect(warned(["CMD"])).toEqual(["The healthcheck has no command. Healthcheck discarded."]);
  for (const fine of [[], ["NONE"], ["CMD", "true"], ["CMD-SHELL", "true"]]) expect(warned(fine)).toEqual([]);
});

test.for<[Partial<HostSettings>, object, string]>([
  [{ UTSMode: "host" }, { Hostname: "a" }, "conflicting options: hostname and the UTS mode"],
  [{ NetworkMode: "container:a" }, { Hostname: "a" }, "conflicting options: hostname and the network mode"],
  [{ NetworkMode: "container:a", Dns: ["1.1.1.1"] }, {}, "conflicting options: dns and the network mode"],
  [{ NetworkMode: "container:" }, {}, "invalid network mode: invalid container format container:<name|id>"],
  [
    { NetworkMode: "host", Links: ["a:b"] },
    {},
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  ],
  [{ PidMode: "container:nope" }, {}, "No such container: nope"],
  [{ IpcMode: "container:nope" }, {}, "No such container: nope"],
])("%j with %j is refused at create", async ([host, settings, message], { signal }) => {
  await using ground = await openOnFakes();
  const request = plainRequest(["x"], host);
  await expect(
    ground.room.create({ ...request, settings: { ...request.settings, ...settings } }, signal),
  ).rejects.toMatchObject({ kind: "invalid", message });
  expect(ground.room.list()).toEqual([]);
});

test("endpoints are looked at before anything is made: faults in Docker's words, a warning for what means nothing", async ({
  signal,
}) => {
  await using ground = await openOnFakes();
  const create = (endpoint: object): Promise<{ warnings: readonly string[] }> =>
    ground.room.create({ ...plainRequest(["x"]), endpoints: { bridge: endpoint } }, signal);
  await expect(create({ MacAddress: "zz", Aliases: ["web"] })).rejects.toMatchObject({
    kind: "invalid",
    message:
      "invalid config for network bridge: invalid endpoint settings:\n" +
      "* network-scoped alias is supported only for containers in user defined networks\n" +
      "* invalid MAC address zz",
  });
  await expect(create({ IPAMConfig: { IPv4Address: "nope" } })).rejects.toMatchObject({
    kind: "invalid",
    message: expect.stringContaining("\n* invalid IPv4 address: nope"),
  });
  const byDefault = { ...plainRequest(["x"]), endpoints: { default: { Aliases: ["web"] } } };
  await expect(ground.room.create(byDefault, signal)).rejects.toThrow("invalid config for network bridge: ");
  const { warnings } = await create({ DriverOpts: { "com.example.colour": "red" } });
  expect(warnings).toEqual([
    'endpoint option "com.example.colour" means nothing on network bridge. Discarded.',
  ]);
});

test("inspect tells what holds: others by id, no limit as none", async ({ signal }) => {
  await using ground = await openOnFakes();
  const lender = await ground.room.create({ ...plainRequest(["x"]), name: "lender" }, signal);
  const other = `container:${lender.id}`;
  const { id } = await ground.room.create(
    plainRequest(["x"], {
      PidMode: "container:lender",
      IpcMode: "container:lender",
      NetworkMode: `container:${lender.id.slice(0, 6)}`,
      PidsLimit: -5,
      CpuPercent: 3,
      Privileged: true,
    }),
    signal,
  );
  expect(ground.room.get(id).host).toMatchObject({
    PidMode: other,
    IpcMode: other,
    NetworkMode: other,
    PidsLimit: null,
    CpuPercent: 0,
    OomKillDisable: false,
    SecurityOpt: ["label=disable"],
  });
});
