import path from "node:path";
import { LongshoreError } from "#kernel";
import type { Context } from "./context.ts";
import type { Container } from "./contract.ts";

/** Paths of the namespaces to join, "" for new ones, "host" for the engine's. The network's is decided by the caller. */
export function namespacePaths(
  context: Context,
  container: Container,
  isCgroupV2: boolean,
): { pid: string; ipc: string; uts: string; cgroup: string } {
  const { host } = container;
  return {
    pid: joined(context, host.PidMode, "pid"),
    ipc: joined(context, host.IpcMode, "ipc"),
    uts: host.UTSMode === "host" || host.NetworkMode === "host" ? "host" : "",
    cgroup:
      host.CgroupnsMode === "host" ? "host" : host.CgroupnsMode === "private" || isCgroupV2 ? "" : "host",
  };
}

/** Host folder of the /dev/shm that containers of one IPC namespace share; the first process makes it. */
export function sharedMemory(context: Context, container: Container): string | undefined {
  const { IpcMode } = container.host;
  if (IpcMode === "shareable") return shmFolder(context, container.id);
  return IpcMode.startsWith("container:")
    ? shmFolder(context, context.book.get(IpcMode.slice("container:".length)).id)
    : undefined;
}

/** Apart from the runtime's folder of the container, which is emptied file by file. */
export function shmFolder(context: Pick<Context, "stateRoot">, id: string): string {
  return path.join(context.stateRoot, "shm", id);
}

function joined(context: Context, mode: string, type: "pid" | "ipc"): string {
  if (mode === "" || mode === "private" || mode === "shareable" || mode === "none") return "";
  if (mode === "host") return "host";
  if (!mode.startsWith("container:"))
    throw new LongshoreError("invalid", `invalid ${type.toUpperCase()} mode: ${mode}`);
  const owner = context.book.get(mode.slice("container:".length));
  if (type === "ipc" && owner.host.IpcMode !== "shareable" && owner.host.IpcMode !== "host")
    throw new LongshoreError(
      "invalid",
      `cannot join IPC of container ${owner.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    );
  if (type === "ipc" && owner.host.IpcMode === "host") return "host";
  return `/proc/${runningPid(context, mode.slice("container:".length), `join ${type} namespace of`)}/ns/${type}`;
}

/** Host pid of a running container; throws `conflict` naming it when it does not run. */
export function runningPid(context: Context, name: string, purpose: string): number {
  const other = context.book.get(name);
  const task = context.book.live(other.id).task;
  if (task === undefined)
    throw new LongshoreError("conflict", `cannot ${purpose} a non running container: ${other.id}`);
  return task.pid;
}
