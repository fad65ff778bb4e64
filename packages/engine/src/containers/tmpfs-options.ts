import { LongshoreError } from "#kernel";
import { cleanPath } from "./clean-path.ts";
import type { MountPoint } from "./contract.ts";
import type { HostSettings, MountSetting } from "./settings.ts";

/** Mount flags that Docker knows, and the keys that tmpfs takes. Source: tmpfs(5), Docker CLI reference, `docker run --tmpfs`. */
const FLAGS = new Set(
  (
    "async atime bind defaults dev diratime dirsync exec mand noatime nodev nodiratime noexec nomand norelatime " +
    "nostrictatime nosuid private rbind relatime remount ro rprivate rshared rslave runbindable rw shared slave " +
    "strictatime suid sync unbindable"
  ).split(" "),
);
const KEYS = new Set(["gid", "mode", "mpol", "nr_blocks", "nr_inodes", "size", "uid"]);

type Setting = MountSetting["TmpfsOptions"];

/** The options of --mount as words; a zero is as if not given. Throws in Docker's words for another option than (no)exec. */
export function tmpfsWords(setting: Setting, refuse: (why: string) => LongshoreError): readonly string[] {
  const { SizeBytes = 0, Mode = 0, Options = [] } = setting ?? {};
  return [
    ...(SizeBytes === 0 ? [] : [`size=${SizeBytes}`]),
    ...(Mode === 0 ? [] : [`mode=${Mode.toString(8)}`]),
    ...Options.map((pair) => {
      const [name = ""] = pair;
      if (pair.length < 1 || pair.length > 2) throw refuse("invalid option array length");
      if (name !== "exec" && name !== "noexec") throw refuse(`invalid option: ${name}`);
      return pair.join("=");
    }),
  ];
}

/** Options of the OCI mount: Docker's defaults, then the container's own. Throws `internal` in Docker's words for one that it doesn't know. */
export function tmpfsOptions(host: HostSettings, point: MountPoint): readonly string[] {
  const setting = host.Mounts?.find(
    (mount) => mount.Type === "tmpfs" && cleanPath(mount.Target) === point.destination,
  )?.TmpfsOptions;
  const refuse = (why: string): LongshoreError => new LongshoreError("internal", why);
  const own = [
    ...(point.mode === "" ? [] : point.mode.split(",").map(checked)),
    ...tmpfsWords(setting, refuse).map(checked),
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
