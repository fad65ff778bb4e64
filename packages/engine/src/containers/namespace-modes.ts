import { LongshoreError } from "#kernel";
import type { Context } from "./context.ts";
import { networkMode } from "./network-mode.ts";
import type { ContainerSettings, HostSettings } from "./settings.ts";

const refuse = (message: string): LongshoreError => new LongshoreError("invalid", message);
const OTHER = "container:";

/** Modes of namespaces that there are. Throws `invalid` in Docker's words. Source: Docker Engine API, HostConfig. */
export function checkModes({ IpcMode, PidMode, UTSMode, CgroupnsMode }: HostSettings): void {
  const isOf = (mode: string, ...names: readonly string[]): boolean => ["", ...names].includes(mode);
  if (!isOf(IpcMode, "none", "private", "shareable", "host") && !IpcMode.startsWith(OTHER))
    throw refuse(`invalid IPC mode: ${IpcMode}`);
  if (!isOf(PidMode, "host") && !(PidMode.startsWith(OTHER) && PidMode.length > OTHER.length))
    throw refuse(`invalid PID mode: ${PidMode}`);
  if (!isOf(UTSMode, "host")) throw refuse(`invalid UTS mode: ${UTSMode}`);
  if (!isOf(CgroupnsMode, "host", "private")) throw refuse(`invalid cgroup namespace mode: ${CgroupnsMode}`);
}

/** What a namespace that is not the container's own rules out: `settings` as the client gave them. Throws `invalid` in Docker's words. */
export function checkConflicts(
  settings: Pick<ContainerSettings, "Hostname" | "ExposedPorts">,
  host: HostSettings,
): void {
  const { kind } = networkMode(host.NetworkMode);
  const links = (host.Links ?? []).length;
  if (kind === "container") checkShared(settings, host);
  if (host.UTSMode === "host" && settings.Hostname !== "")
    throw refuse("conflicting options: hostname and the UTS mode");
  if (kind === "host" && links > 0)
    throw refuse(
      "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
    );
}

function checkShared(
  settings: Pick<ContainerSettings, "Hostname" | "ExposedPorts">,
  host: HostSettings,
): void {
  const conflict = (what: string): LongshoreError => refuse(`conflicting options: ${what}`);
  if (settings.Hostname !== "") throw conflict("hostname and the network mode");
  if ((host.Links ?? []).length > 0)
    throw conflict(
      "container type network can't be used with links. This would result in undefined behavior",
    );
  if ((host.Dns ?? []).length > 0) throw conflict("dns and the network mode");
  if ((host.ExtraHosts ?? []).length > 0) throw conflict("custom host-to-IP mapping and the network mode");
  if (Object.keys(host.PortBindings).length > 0 || host.PublishAllPorts)
    throw conflict("port publishing and the container type network mode");
  if (Object.keys(settings.ExposedPorts ?? {}).length > 0)
    throw conflict("port exposing and the container type network mode");
}

/**
 * Other containers by their ids, so that they stay the same ones after a rename. One whose processes or IPC are to be joined must be
 * there: `invalid`, for a client reads "not found" as a missing image. Who lends its network is looked for at start.
 */
export function withIds(book: Context["book"], host: HostSettings): HostSettings {
  const joined = (mode: string, isNeeded: boolean): string => {
    if (!mode.startsWith(OTHER)) return mode;
    const name = mode.slice(OTHER.length);
    const other = book.find(name);
    if (other === undefined && isNeeded) throw refuse(`No such container: ${name}`);
    return other === undefined ? mode : `${OTHER}${other.id}`;
  };
  return {
    ...host,
    PidMode: joined(host.PidMode, true),
    IpcMode: joined(host.IpcMode, true),
    NetworkMode: joined(host.NetworkMode, false),
  };
}
