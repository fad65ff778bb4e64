import { readdir, readFile, statfs } from "node:fs/promises";
import path from "node:path";

/** Docker's names of file systems by the kernel's magic numbers. Source: statfs(2). */
const FILE_SYSTEMS: Readonly<Record<number, string>> = {
  0xef53: "extfs",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x01021994: "tmpfs",
  0x794c7630: "overlayfs",
  0x2fc12fc1: "zfs",
  0xf2f52010: "f2fs",
  0x6969: "nfs",
};

/** What GET /info tells of the machine and of this process, beside the kernel's limits. */
export async function hostInfo(
  dataRoot: string,
  initPath: string | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const [type, descriptors, bridged, bridgedIpv6] = await Promise.all([
    statfs(dataRoot).then(
      (facts) => FILE_SYSTEMS[facts.type] ?? `0x${facts.type.toString(16)}`,
      () => "<unknown>",
    ),
    readdir("/proc/self/fd").then(
      (names) => names.length,
      () => -1,
    ),
    isBridgedTo("iptables"),
    isBridgedTo("ip6tables"),
  ]);
  return {
    DriverStatus: [["Backing Filesystem", type]],
    NFd: descriptors,
    BridgeNfIptables: bridged,
    BridgeNfIp6tables: bridgedIpv6,
    FirewallBackend: { Driver: "nftables" },
    Architecture: { x64: "x86_64", arm64: "aarch64" }[process.arch as string] ?? process.arch,
    InitBinary: initPath === undefined ? "" : path.basename(initPath),
  };
}

/** Without the kernel's module there is nothing that would be given to a bridge's firewall. */
async function isBridgedTo(tables: string): Promise<boolean> {
  const text = await readFile(`/proc/sys/net/bridge/bridge-nf-call-${tables}`, "utf8").catch(() => "0");
  return text.trim() === "1";
}
