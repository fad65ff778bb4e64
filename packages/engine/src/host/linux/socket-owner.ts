import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** A process that holds a socket. */
export interface SocketOwner {
  readonly pid: number;
  /** Its command as the kernel shortens it (15 bytes). */
  readonly command: string;
}

const LISTEN = "0A";

/**
 * Who in our network namespace listens on a TCP port, or is bound to a UDP port. Undefined when nobody is, or when its process
 * is not ours to look into. Source: proc_net(5), proc_pid_fd(5).
 */
export function socketOwner(protocol: "tcp" | "udp", port: number): SocketOwner | undefined {
  const inodes = new Set(
    [protocol, `${protocol}6`].flatMap((table) => inodesOf(`/proc/self/net/${table}`, protocol, port)),
  );
  if (inodes.size === 0) return undefined;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const inode = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))?.[1];
        if (inode !== undefined && inodes.has(inode))
          return { pid: Number(pid), command: readFileSync(`/proc/${pid}/comm`, "utf8").trim() };
      }
    } catch {
      // It ended meanwhile, or belongs to somebody else.
    }
  }
  return undefined;
}

/** Columns: sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode. */
function inodesOf(table: string, protocol: "tcp" | "udp", port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  let text: string;
  try {
    text = readFileSync(table, "latin1");
  } catch {
    return []; // a kernel without IPv6
  }
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(`:${wanted}`) === true)
    .filter((columns) => protocol === "udp" || columns[3] === LISTEN)
    .map((columns) => columns[9] ?? "");
}

function linkOf(place: string): string {
  try {
    return readlinkSync(place);
  } catch {
    return "";
  }
}
