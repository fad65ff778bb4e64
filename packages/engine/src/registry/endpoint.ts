import net from "node:net";
import type { Reference } from "#spec";
import type { Purpose } from "./contract.ts";

/** A base URL that serves the distribution API, in the order they are tried. */
export interface Endpoint {
  readonly base: string;
  readonly isMirror: boolean;
  /** TLS certificates are not checked. */
  readonly isInsecure: boolean;
  /** How the folder of its certificates is called: host, and port where it has one. */
  readonly registry: string;
}

/** Docker Hub's API host is not its name. */
const HUB = "https://registry-1.docker.io";

/** Loopback hosts and the ones named insecure may speak plain HTTP; mirrors serve docker.io only, pulls only. Source: dockerd, insecure-registries. */
export function endpointsFor(
  reference: Pick<Reference, "domain">,
  purpose: Purpose,
  mirrors: readonly string[],
  insecure: readonly string[],
): readonly Endpoint[] {
  if (reference.domain === "docker.io") {
    const through =
      purpose !== "push"
        ? mirrors.map((mirror) => ({
            base: mirror.replace(/\/+$/, ""),
            isMirror: true,
            isInsecure: isInsecureHost(hostOf(mirror), insecure),
            registry: hostOf(mirror),
          }))
        : [];
    return [...through, { base: HUB, isMirror: false, isInsecure: false, registry: "docker.io" }];
  }
  const isInsecure = isInsecureHost(reference.domain, insecure);
  const secure = {
    base: `https://${reference.domain}`,
    isMirror: false,
    isInsecure,
    registry: reference.domain,
  };
  return isInsecure ? [secure, { ...secure, base: `http://${reference.domain}` }] : [secure];
}

const hostOf = (base: string): string => (URL.canParse(base) ? new URL(base).host : base);

export function isInsecureHost(domain: string, insecure: readonly string[]): boolean {
  const host = domain.replace(/:\d+$/, "").replaceAll(/[[\]]/g, "");
  if (host === "localhost" || host === "::1" || (net.isIPv4(host) && host.startsWith("127."))) return true;
  return insecure.some((entry) =>
    entry.includes("/") ? inRange(host, entry) : entry === domain || entry === host,
  );
}

function inRange(host: string, range: string): boolean {
  const [address = "", bits = "32"] = range.split("/");
  const family = net.isIPv6(address) ? "ipv6" : "ipv4";
  if ((family === "ipv4" && !net.isIPv4(host)) || (family === "ipv6" && !net.isIPv6(host))) return false;
  const list = new net.BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(host, family);
}
