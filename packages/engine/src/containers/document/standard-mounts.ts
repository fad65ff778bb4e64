import type { RuntimeMount } from "#spec";
import type { DocumentRequest } from "./build-document.ts";
import { hasWritableCgroups } from "./system-container.ts";

const NO_SUID = ["nosuid", "noexec", "nodev"];

/** The mounts that every container has, in order: /proc, /dev and below, /sys, then the generated files. Source: Docker Engine, default mounts. */
export function standardMounts(request: DocumentRequest): readonly RuntimeMount[] {
  const { initPath, host } = request;
  return [
    { destination: "/proc", type: "proc", source: "proc", options: NO_SUID },
    {
      destination: "/dev",
      type: "tmpfs",
      source: "tmpfs",
      options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
    },
    {
      destination: "/dev/pts",
      type: "devpts",
      source: "devpts",
      options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
    },
    ...sysMounts(request),
    // Of its namespace, the host's too, whether or not the host has it mounted.
    { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: NO_SUID },
    ...shmMounts(request),
    ...generatedFiles(request),
    ...(hasInit(request) && initPath !== undefined
      ? [{ destination: INIT_IN_CONTAINER, type: "bind", source: initPath, options: ["bind", "ro"] }]
      : []),
  ].filter((mount) => mount.destination !== "/dev/shm" || host.IpcMode !== "none");
}

export const INIT_IN_CONTAINER = "/sbin/docker-init";

/** `--init` is for containers with a process namespace of their own: elsewhere another process is the first. */
export function hasInit({ host }: Pick<DocumentRequest, "host">): boolean {
  return host.Init === true && (host.PidMode === "" || host.PidMode === "private");
}

function sysMounts(request: DocumentRequest): readonly RuntimeMount[] {
  const { namespaces, host } = request;
  const access = host.Privileged ? "rw" : "ro";
  const isForeignNetwork = namespaces.network === "host" || namespaces.network.startsWith("/proc/");
  return [
    // sysfs shows the network namespace of its mounter: a foreign one cannot be mounted anew.
    isForeignNetwork
      ? { destination: "/sys", type: "none", source: "/sys", options: ["rbind", ...NO_SUID, access] }
      : { destination: "/sys", type: "sysfs", source: "sysfs", options: [...NO_SUID, access] },
    {
      destination: "/sys/fs/cgroup",
      type: "cgroup",
      source: "cgroup",
      options: [hasWritableCgroups(request) ? "rw" : "ro", ...NO_SUID, "relatime"],
    },
  ];
}

/** Shared memory belongs to the IPC namespace: a joined one brings its owner's. */
function shmMounts({ namespaces, host, shmFolder }: DocumentRequest): readonly RuntimeMount[] {
  const bound = (source: string): readonly RuntimeMount[] => [
    { destination: "/dev/shm", type: "bind", source, options: ["rbind", ...NO_SUID] },
  ];
  if (namespaces.ipc === "host") return bound("/dev/shm");
  if (shmFolder !== undefined) return bound(shmFolder);
  return [
    {
      destination: "/dev/shm",
      type: "tmpfs",
      source: "shm",
      options: [...NO_SUID, "mode=1777", `size=${host.ShmSize}`],
    },
  ];
}

function generatedFiles({ files, host }: DocumentRequest): readonly RuntimeMount[] {
  const pairs = [
    ["/etc/resolv.conf", files.resolvConf],
    ["/etc/hostname", files.hostname],
    ["/etc/hosts", files.hosts],
  ] as const;
  return pairs.flatMap(([destination, source]) =>
    source === undefined
      ? []
      : [
          {
            destination,
            type: "bind",
            source,
            options: ["rbind", "rprivate", ...(host.ReadonlyRootfs ? ["ro"] : [])],
          },
        ],
  );
}
