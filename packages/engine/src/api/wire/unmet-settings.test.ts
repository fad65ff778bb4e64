import { expect, test } from "vitest";
import { parseCreate, parseUpdate } from "./container-settings.ts";
import { parseNetworkCreate } from "./networks.ts";

const create = (host: object, more: object = {}, minor = 51): ReturnType<typeof parseCreate> =>
  parseCreate({ Image: "some", HostConfig: host, ...more }, minor);

test.for([
  [
    "KernelMemory",
    8 << 20,
    "Your kernel does not support kernel memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
  ],
  ["CpuPercent", 50, "linux does not support CPU percent. Percent discarded."],
  ["cpucount", 2, "linux does not support CPU count. Count discarded."],
] as const)("create with %s is answered with a warning", ([field, value, warning]) => {
  expect(create({ [field]: value }).warnings).toEqual([warning]);
  expect(create({ [field]: 0 }).warnings).toEqual([]);
});

test.for([
  [{ IOMaximumIOps: 5 }, "QoS maximum IOPs"],
  [{ IOMaximumBandwidth: 5 }, "QoS maximum bandwidth"],
  [{ Cgroup: "container:other" }, "container:other"],
  [
    { StorageOpt: { size: "10G" } },
    "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
  ],
  [{ Isolation: "hyperv" }, "linux only supports 'default'"],
  [{ UsernsMode: "private" }, "invalid user namespace mode: private"],
  [{ Mounts: [{ Type: "image", Target: "/m", ImageOptions: { Subpath: "a" } }] }, "ImageOptions"],
] as const)("create with %j is refused", ([host, message]) => {
  expect(() => create(host)).toThrow(
    expect.objectContaining({
      kind: "invalid",
      message: expect.stringContaining(message) as string,
    }) as Error,
  );
});

test.for([
  { IOMaximumIOps: 0 },
  { Cgroup: "" },
  { StorageOpt: {} },
  { StorageOpt: null },
  { Isolation: "default" },
  { UsernsMode: "host" },
])("create with %j asks for nothing special", (host) => {
  expect(create(host).warnings).toEqual([]);
});

test("the container's own MAC address is its main endpoint's, if that has one", () => {
  const mac = "02:00:00:00:00:01";
  const more = (MacAddress: string): object => ({
    MacAddress: mac,
    NetworkingConfig: {
      EndpointsConfig: { bridge: { MacAddress }, other: { MacAddress: "02:00:00:00:00:09" } },
    },
  });
  expect(create({}, more(mac)).warnings).toHaveLength(1);
  expect(() => create({ NetworkMode: "default" }, more("02:00:00:00:00:02"))).toThrow(
    "the container-wide MAC address must match the endpoint-specific MAC address for the main network",
  );
});

test("link-local addresses of any endpoint are refused", () => {
  const EndpointsConfig = { one: {}, two: { IPAMConfig: { LinkLocalIPs: ["169.254.1.1"] } } };
  expect(() => create({}, { NetworkingConfig: { EndpointsConfig } })).toThrow("169.254.1.1");
});

test("several endpoints are refused before 1.44, where none of them is told apart", () => {
  const more = { NetworkingConfig: { EndpointsConfig: { one: {}, two: null } } };
  expect(() => create({}, more, 43)).toThrow("Container cannot be connected to network endpoints: one, two");
  expect(Object.keys(create({}, more, 44).endpoints)).toEqual(["one", "two"]);
});

test("what came with a later API is as if not given", () => {
  const host = {
    Annotations: { a: "b" },
    ConsoleSize: [10, 20],
    Mounts: [{ Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }],
  };
  const more = { Healthcheck: { Test: ["NONE"], StartInterval: 5_000_000 }, MacAddress: "02:00:00:00:00:01" };
  const old = create(host, more, 41);
  expect(old.host).toMatchObject({
    ConsoleSize: [0, 0],
    Mounts: [{ BindOptions: { ReadOnlyNonRecursive: true } }],
  });
  expect(old.host.Annotations).toBeUndefined();
  expect(old.settings.Healthcheck).toEqual({ Test: ["NONE"] });
  expect(old.warnings).toEqual([]);
  const now = create(host, more);
  expect(now.host).toMatchObject({ Annotations: { a: "b" }, ConsoleSize: [10, 20] });
  expect(now.host.Mounts?.[0]?.BindOptions).toBeUndefined();
  expect(now.settings.Healthcheck?.StartInterval).toBe(5_000_000);
  expect(now.warnings).toEqual([
    "The container-wide MacAddress field is now deprecated. It should be specified in EndpointsConfig instead.",
  ]);
});

test.for([
  [{ Type: "bind", TmpfsOptions: {} }, 51, 'TmpfsOptions must not be specified on mount type "bind"'],
  [{ Type: "tmpfs", VolumeOptions: {} }, 42, 'VolumeOptions must not be specified on mount type "tmpfs"'],
  [{ Type: "volume", VolumeOptions: { Subpath: "a" } }, 44, "VolumeOptions.Subpath needs API v1.45 or newer"],
  [
    { Type: "bind", ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } },
    43,
    "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer",
  ],
] as const)("mount %j is refused at API 1.%d", ([mount, minor, message]) => {
  const host = { Mounts: [{ Target: "/t", ...mount }] };
  expect(() => create(host, {}, minor)).toThrow(
    expect.objectContaining({ kind: "invalid", message }) as Error,
  );
});

test("options of another type of mount are as if not given before 1.42", () => {
  const host = { Mounts: [{ Type: "tmpfs", Target: "/t", BindOptions: {} }] };
  expect(create(host, {}, 41).host.Mounts).toEqual([{ Type: "tmpfs", Target: "/t" }]);
});

test("an update changes limits, and tells what it can't change", () => {
  const { patch, warnings } = parseUpdate({
    Memory: 64 << 20,
    Ulimits: [{ Name: "nofile", Soft: 1, Hard: 1 }],
  });
  expect(patch).toEqual({ Memory: 64 << 20 });
  expect(warnings).toEqual(["Ulimits can't be changed by an update. The container keeps its own."]);
  expect(parseUpdate({ PidsLimit: 0 }).patch).toEqual({ PidsLimit: 0 });
  expect(parseUpdate({ PidsLimit: -7 }).patch).toEqual({ PidsLimit: 0 });
  expect(parseUpdate({ PidsLimit: null, CpuShares: 0 }).patch).toEqual({});
  // What the docker CLI sends for everything that isn't asked for.
  const empty = {
    Ulimits: null,
    Devices: [],
    OomKillDisable: false,
    MemorySwappiness: null,
    CgroupParent: "",
  };
  expect(parseUpdate({ ...empty, RestartPolicy: { Name: "" } })).toEqual({ patch: {}, warnings: [] });
});

test.for([
  { Scope: "swarm" },
  { Ingress: true },
  { ConfigOnly: true },
  { ConfigFrom: { Network: "template" } },
])("a network with %j is refused", (body) => {
  expect(() => parseNetworkCreate({ Name: "some", ...body })).toThrow(
    expect.objectContaining({ kind: "invalid" }) as Error,
  );
  expect(
    parseNetworkCreate({ Name: "some", Scope: "local", Ingress: false, ConfigFrom: { Network: "" } }).name,
  ).toBe("some");
});
