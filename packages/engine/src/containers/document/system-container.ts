import type { RuntimeMount } from "#spec";
import type { DocumentRequest } from "./build-document.ts";
import { parseSecurityOptions } from "./security-options.ts";

type Request = Pick<DocumentRequest, "path" | "mounts" | "namespaces" | "isCgroupDelegated" | "host">;

/** Programs that bring up a whole system when they are the first process. */
const INITS = /^((\/usr)?(\/local)?\/sbin\/init|((\/usr)?\/lib\/systemd\/)?systemd|init)$/;

/**
 * A container that is to boot like a machine: its first process is an init, its owner gave it a tmpfs on /run, and it sees a cgroup tree of
 * its own whose limits the kernel guards (cgroups(7), nsdelegate; cgroup v2 alone has that).
 */
export function isSystemContainer({
  path,
  mounts,
  namespaces,
  isCgroupDelegated,
}: Omit<Request, "host">): boolean {
  const hasRun = mounts.some(({ destination, type }) => destination === "/run" && type === "tmpfs");
  return isCgroupDelegated && namespaces.cgroup === "" && hasRun && INITS.test(path);
}

/**
 * Whether /sys/fs/cgroup may be written to: as `writable-cgroups` says, else by privileged and system containers. Source: Docker Engine 28,
 * `--security-opt writable-cgroups`; system containers are Longshore's.
 */
export function hasWritableCgroups(request: Request): boolean {
  const { isCgroupWritable } = parseSecurityOptions(request.host.SecurityOpt ?? []);
  return isCgroupWritable ?? (request.host.Privileged || isSystemContainer(request));
}

/** The asked mounts; a system container has /run/lock as well, which Debian's systemd would mount itself, had it CAP_SYS_ADMIN. */
export function withSystemMounts(request: Request): readonly RuntimeMount[] {
  const { mounts } = request;
  const hasLock = mounts.some(({ destination }) => destination === "/run/lock");
  if (hasLock || !isSystemContainer(request)) return mounts;
  return mounts.flatMap((mount) => (mount.destination === "/run" ? [mount, LOCK] : [mount]));
}

const LOCK: RuntimeMount = {
  destination: "/run/lock",
  type: "tmpfs",
  source: "tmpfs",
  options: ["nosuid", "nodev", "noexec", "mode=1777", "size=5m"],
};
