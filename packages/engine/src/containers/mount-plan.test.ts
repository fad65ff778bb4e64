import { expect, test } from "vitest";
import { planMounts, type PlannedMount } from "./mount-plan.ts";
import type { HostSettings, MountSetting } from "./settings.ts";
import { openOnFakes, plainRequest } from "./testing.ts";

const plan = (host: Partial<HostSettings>, volumes: readonly string[] = []): readonly PlannedMount[] => {
  const Volumes = Object.fromEntries(volumes.map((name) => [name, {}]));
  const request = plainRequest(["x"], host, { Volumes });
  return planMounts(request.settings, request.host);
};
const refused = (host: Partial<HostSettings>, message: string): void =>
  expect(() => plan(host)).toThrow(expect.objectContaining({ kind: "invalid", message }) as Error);

test.for<[Partial<MountSetting>, string]>([
  [{ Type: "bogus" as "bind", Source: "x" }, 'invalid mount config for type "bogus": mount type unknown'],
  [{ Type: "" as "bind", Source: "x" }, 'invalid mount config for type "": mount type unknown'],
  [{ Type: "npipe", Source: "x" }, 'invalid mount config for type "npipe": mount type unknown'],
  [{ Type: "bind" }, 'invalid mount config for type "bind": field Source must not be empty'],
  [
    { Type: "volume", VolumeOptions: { Subpath: "a" } },
    'invalid mount config for type "volume": must not set Subpath when using anonymous volumes',
  ],
  [
    { Type: "volume", ReadOnly: true },
    'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
  ],
  [
    { Type: "tmpfs", TmpfsOptions: { Options: [["size", "1"]] } },
    'invalid mount config for type "tmpfs": invalid option: size',
  ],
  [
    { Type: "tmpfs", TmpfsOptions: { Options: [["exec", "a", "b"]] } },
    'invalid mount config for type "tmpfs": invalid option array length',
  ],
])("mount %j is refused in Docker's words", ([mount, message]) => {
  refused({ Mounts: [{ Type: "bind", Target: "/t", ...mount }] }, message);
});

test.for([
  ["/a:/b:bogus", "invalid mode: bogus"],
  ["/a:/b:ro,rw", "invalid mode: ro,rw"],
  ["/a:/b:rro", "invalid mode: rro"],
  ["/a:rw", "invalid volume specification: '/a:rw'"],
  ["vol:", "invalid volume specification: 'vol:'"],
  ["a:b:c:d", "invalid volume specification: 'a:b:c:d'"],
  [
    "/a:b",
    "invalid volume specification: '/a:b': invalid mount config for type \"bind\": invalid mount path: 'b' mount path must be absolute",
  ],
  [
    "/a:/",
    "invalid volume specification: '/a:/': invalid mount config for type \"bind\": invalid specification: destination can't be '/'",
  ],
  [
    "vol:/x:ro,rshared",
    "invalid volume specification: 'vol:/x:ro,rshared': invalid mount config for type \"volume\": field BindOptions must not be specified",
  ],
  [
    "/a:/x:nocopy",
    "invalid volume specification: '/a:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified",
  ],
] as const)("bind %j is refused in Docker's words", ([bind, message]) => {
  refused({ Binds: [bind] }, message);
});

test("read-only binds of clients before 1.44 leave the mounts below them as they are", () => {
  const request = plainRequest(["x"], { Binds: ["/a:/ro:ro", "/a:/rw", "vol:/v:ro"] });
  const atTop = planMounts(request.settings, request.host, true).map((mount) => mount.isReadOnlyAtTop);
  expect(atTop).toEqual([true, undefined, undefined]);
});

test("places of --tmpfs are held against the same rules, and doubles are named", () => {
  refused({ Tmpfs: { "/": "" } }, "invalid specification: destination can't be '/'");
  refused({ Tmpfs: { t: "" } }, "invalid mount path: 't' mount path must be absolute");
  const twice: readonly MountSetting[] = [
    { Type: "tmpfs", Target: "/t" },
    { Type: "tmpfs", Target: "/t/" },
  ];
  refused({ Mounts: twice }, "Duplicate mount point: /t/");
});

test("a container's volume driver is that of each volume by -v and of the image's; --mount has its own", () => {
  const mounts = plan(
    { VolumeDriver: "d", Binds: ["vol:/a", "/b", "/h:/c"], Mounts: [{ Type: "volume", Target: "/e" }] },
    ["/d", "f"],
  );
  expect(mounts.map(({ destination, volume }) => [destination, volume?.driver])).toEqual([
    ["/a", "d"],
    ["/b", "d"],
    ["/c", undefined],
    ["/e", undefined],
    ["/d", "d"],
    ["/f", "d"],
  ]);
});

test.for([
  ["gone", "No such container: gone"],
  ["gone:bogus", "invalid mode: bogus"],
  ["gone:ro,rslave", "invalid mode: ro,rslave"],
  ["gone:nocopy", "invalid mode: nocopy"],
  ["", "volumes-from specification cannot be an empty string"],
] as const)("volumes from %j are bad input, no missing image", async ([from, message], { signal }) => {
  await using ground = await openOnFakes();
  await expect(
    ground.room.create(plainRequest(["x"], { VolumesFrom: [from] }), signal),
  ).rejects.toMatchObject({ kind: "invalid", message });
});
