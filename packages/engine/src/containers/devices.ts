import { lstat, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { deviceNumbers } from "#host";
import { errno, LongshoreError } from "#kernel";
import type { DeviceNode } from "./document/build-document.ts";
import type { DeviceNumbers } from "./document/resources.ts";
import type { HostSettings } from "./settings.ts";

/** Resolves `--device` entries and, when privileged, every device of the host. Throws `invalid` naming what is missing. */
export async function deviceNodes(
  host: HostSettings,
  allDevices: () => Promise<DeviceNode[]>,
): Promise<readonly DeviceNode[]> {
  const wanted = host.Privileged ? await allDevices() : [];
  for (const { PathOnHost, PathInContainer, CgroupPermissions } of host.Devices ?? []) {
    if (!/^[rwm]{1,3}$/.test(CgroupPermissions))
      throw new LongshoreError("invalid", `invalid device mode: ${CgroupPermissions}`);
    wanted.push(...(await mapped(PathOnHost, PathInContainer, CgroupPermissions)));
  }
  return wanted;
}

/** No driver hands out devices by what they can do. Throws `invalid` in Docker's words. */
export function refuseDeviceRequests(host: Pick<HostSettings, "DeviceRequests">): void {
  for (const { Driver, Capabilities } of host.DeviceRequests ?? []) {
    const wanted = (Capabilities ?? []).map((all) => `[${all.join(" ")}]`).join(" ");
    throw new LongshoreError(
      "invalid",
      `could not select device driver ${JSON.stringify(Driver)} with capabilities: [${wanted}]`,
    );
  }
}

/** Numbers of the block devices that HostConfig's blkio limits name. Throws `invalid` naming what is missing. */
export async function blockDeviceNumbers(host: HostSettings): Promise<DeviceNumbers> {
  const paths = [
    host.BlkioWeightDevice,
    host.BlkioDeviceReadBps,
    host.BlkioDeviceWriteBps,
    host.BlkioDeviceReadIOps,
    host.BlkioDeviceWriteIOps,
  ].flatMap((list) => (list ?? []).map((entry) => entry.Path));
  const numbers = new Map<string, { major: number; minor: number }>();
  for (const place of new Set(paths)) {
    const stats = await stat(place).catch((error: unknown) => {
      throw new LongshoreError("invalid", `stat ${place}: no such file or directory`, { cause: error });
    });
    numbers.set(place, deviceNumbers(stats.rdev));
  }
  return numbers;
}

async function mapped(source: string, target: string, access: string): Promise<DeviceNode[]> {
  const stats = await stat(source).catch((error: unknown) => {
    throw new LongshoreError(
      "invalid",
      `error gathering device information while adding custom device "${source}": no such file or directory`,
      { cause: error },
    );
  });
  if (stats.isDirectory()) {
    const found = await hostDevices(source);
    return found.map((device) => ({ ...device, path: target + device.path.slice(source.length), access }));
  }
  const device = nodeOf(target, stats, access);
  if (device === undefined)
    throw new LongshoreError(
      "invalid",
      `error gathering device information while adding custom device "${source}": not a device node`,
    );
  return [device];
}

/** Every device node below `folder`, without terminals and what the container gets anew. */
export async function hostDevices(folder: string): Promise<DeviceNode[]> {
  const found: DeviceNode[] = [];
  const skipped = new Set(["pts", "shm", "mqueue", "fd", "console", ".udev", ".lxc", ".lxd-mounts"]);
  for (const name of await readdir(folder)) {
    if (skipped.has(name)) continue;
    const place = path.join(folder, name);
    try {
      const stats = await lstat(place);
      if (stats.isDirectory()) found.push(...(await hostDevices(place)));
      const device = nodeOf(place, stats, "rwm");
      if (device !== undefined) found.push(device);
    } catch (error) {
      if (errno(error) !== "ENOENT") throw error;
    }
  }
  return found;
}

function nodeOf(
  place: string,
  stats: { isCharacterDevice(): boolean; isBlockDevice(): boolean; rdev: number; mode: number },
  access: string,
): DeviceNode | undefined {
  if (!stats.isCharacterDevice() && !stats.isBlockDevice()) return undefined;
  return {
    path: place,
    type: stats.isBlockDevice() ? "b" : "c",
    ...deviceNumbers(stats.rdev),
    fileMode: stats.mode & 0o777,
    access,
  };
}
