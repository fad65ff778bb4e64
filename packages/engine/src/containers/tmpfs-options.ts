import { LongshoreError } from "#kernel";
import type { MountPoint } from "./contract.ts";
import type { HostSettings } from "./settings.ts";

/** Mount flags that Docker knows, and the keys that tmpfs takes. Source: tmpfs(5), Docker CLI reference, `docker run --tmpfs`. */
const FLAGS = new Set(
  (
    "async atime bind defaults dev diratime dirsync exec mand noatime nodev nodiratime noexec nomand norelatime " +
    "nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave runbindable rw shared slave " +
    "strictatime suid sync unbindable"
  ).split(" "),
);
const KEYS = new Set(["gid", "mode", "mpol", "nr_blocks", "nr_inodes", "size", "uid"]);

/** Options of the OCI mount: Docker's defaults, then the container's own. Throws `internal` in Docker's words for one that it doesn't know. */
export function tmpfsOptions(host: HostSettings, point: MountPoint): readonly string[] {
  const setting = host.Mounts?.find(
    (mount) => mount.Type === "tmpfs" && mount.Target === point.destination,
  )?.TmpfsOptions;
  const own = [
    ...(point.mode === "" ? [] : point.mode.split(",").map(checked)),
    ...(setting?.SizeBytes === undefined ? [] : [`size=${setting.SizeBytes}`]),
    ...(setting?.Mode === undefined ? [] : [`mode=${setting.Mode.toString(8)}`]),
  ];
  return [
    ...["nosuid", "nodev", "noexec"].filter((word) => !own.includes(word.slice(2))),
    ...own,
    ...(point.isWritable || own.includes("ro") ? [] : ["ro"]),
  ];
}

function checked(word: string): string {
  if (FLAGS.has(word)) return word;
  const at = word.indexOf("=");
  const parts = at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)];
  if (parts.length === 2 && KEYS.has(parts[0] ?? "")) return word;
  const quoted = parts.map((part) => JSON.stringify(part)).join(" ");
  throw new LongshoreError("internal", `invalid tmpfs option [${quoted}]`);
}
