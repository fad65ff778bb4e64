import net from "node:net";

/** Proxies as the environment or daemon.json names them; "" is none. */
export interface ProxySettings {
  readonly http: string;
  readonly https: string;
  /** Comma-separated hosts, suffixes, addresses and CIDR ranges, each with a port where wanted. */
  readonly no: string;
}

export const NO_PROXIES: ProxySettings = { http: "", https: "", no: "" };

/** Upper case wins, as Go's httpproxy has it. */
export function proxiesOf(environment: Readonly<Record<string, string | undefined>>): ProxySettings {
  const either = (name: string): string => environment[name] || environment[name.toLowerCase()] || "";
  return { http: either("HTTP_PROXY"), https: either("HTTPS_PROXY"), no: either("NO_PROXY") };
}

/** A proxy's URL; a bare `host:port` speaks HTTP. Undefined for what is none. */
export function parseProxy(text: string): URL | undefined {
  const full = text.includes("://") ? text : `http://${text}`;
  if (!URL.canParse(full)) return undefined;
  const url = new URL(full);
  return (url.protocol === "http:" || url.protocol === "https:") && url.hostname !== "" ? url : undefined;
}

/** The proxy text that `url` goes through, or "". Loopback never has one. Source: golang.org/x/net/http/httpproxy. */
export function proxyFor(url: URL, settings: ProxySettings): string {
  const proxy = url.protocol === "https:" ? settings.https : settings.http;
  return proxy === "" || isDirect(url, settings.no) ? "" : proxy;
}

function isDirect(url: URL, exceptions: string): boolean {
  const host = bare(url.hostname).toLowerCase().replace(/\.$/, "");
  const port = url.port || (url.protocol === "https:" ? "443" : "80");
  if (host === "localhost" || isIn(host, "127.0.0.0", 8) || host === "::1") return true;
  return exceptions
    .split(",")
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== "" && fits(entry, host, port));
}

function fits(entry: string, host: string, port: string): boolean {
  if (entry === "*") return true;
  const [address = "", bits = ""] = entry.split("/");
  if (net.isIP(address) !== 0 && /^\d{1,3}$/.test(bits)) return isIn(host, address, Number(bits));
  const [name, wantedPort] = withPort(entry);
  if (name === "" || (wantedPort !== "" && wantedPort !== port)) return false;
  if (net.isIP(name) !== 0)
    return net.isIP(host) === net.isIP(name) && isIn(host, name, net.isIP(name) === 4 ? 32 : 128);
  // "example.com" is itself and what lies below, ".example.com" and "*.example.com" only what lies below.
  const suffix = name.startsWith("*.") ? name.slice(1) : name;
  return suffix.startsWith(".") ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

/** `host:port` or `[address]:port`; an IPv6 address without brackets has no port. */
function withPort(entry: string): readonly [string, string] {
  if (net.isIPv6(entry)) return [entry, ""];
  const match = /^(\[[^\]]*\]|[^:]*)(?::(\d*))?$/.exec(entry);
  return match === null ? ["", ""] : [bare(match[1] ?? ""), match[2] ?? ""];
}

function isIn(host: string, address: string, bits: number): boolean {
  const family = net.isIP(host);
  if (family === 0 || net.isIP(address) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const list = new net.BlockList();
  list.addSubnet(address, bits, family === 4 ? "ipv4" : "ipv6");
  return list.check(host, family === 4 ? "ipv4" : "ipv6");
}

const bare = (host: string): string => host.replaceAll(/[[\]]/g, "");

/** A proxy's URL for people to see: name and password are hidden, in Docker's way. */
export function withoutSecrets(proxy: string): string {
  return proxy.replace(/^([a-z][a-z0-9+.-]*:\/\/)?[^@/]*@/i, "$1xxxxx:xxxxx@");
}
