import { LongshoreError } from "#kernel";

/** Every capability of Linux 6.x, in the kernel's order. Source: capabilities(7). */
const ALL: readonly string[] = (
  "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW " +
  "IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE " +
  "AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
  .split(" ")
  .map((name) => `CAP_${name}`);

/** What Docker gives by default. */
const DEFAULT: readonly string[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FSETID",
  "FOWNER",
  "MKNOD",
  "NET_RAW",
  "SETGID",
  "SETUID",
  "SETFCAP",
  "SETPCAP",
  "NET_BIND_SERVICE",
  "SYS_CHROOT",
  "KILL",
  "AUDIT_WRITE",
].map((name) => `CAP_${name}`);

/** The container's capability set. `held` is what the engine itself has: what it lacks cannot be given. Throws `invalid` for unknown names. */
export function capabilitySet(
  add: readonly string[],
  drop: readonly string[],
  isPrivileged: boolean,
  held: ReadonlySet<string>,
): readonly string[] {
  const added = normalise(add, "CapAdd");
  const dropped = normalise(drop, "CapDrop");
  const grantable = ALL.filter((name) => held.has(name));
  if (isPrivileged) return grantable;
  let base: readonly string[] = DEFAULT;
  if (dropped.includes("ALL")) base = [];
  if (added.includes("ALL")) base = grantable;
  const removed = new Set(dropped);
  const wanted = new Set([
    ...base.filter((name) => !removed.has(name)),
    ...added.filter((name) => name !== "ALL" && !(removed.has(name) && !added.includes(name))),
  ]);
  return ALL.filter((name) => wanted.has(name) && held.has(name));
}

function normalise(names: readonly string[], which: string): readonly string[] {
  return names.map((text) => {
    const upper = text.toUpperCase();
    if (upper === "ALL") return upper;
    const name = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    if (!ALL.includes(name))
      throw new LongshoreError("invalid", `invalid ${which}: unknown capability: "${name}"`);
    return name;
  });
}

/** Capabilities in a mask of /proc/self/status (CapBnd, hex). */
export function heldCapabilities(statusText: string): ReadonlySet<string> {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(statusText)?.[1] ?? "0"}`);
  return new Set(ALL.filter((_, bit) => (mask >> BigInt(bit)) & 1n));
}
