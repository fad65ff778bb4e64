import net from "node:net";
import { readFile } from "node:fs/promises";
import { errno } from "#kernel";
import type { DnsSpec } from "./contract.ts";

export const DNS_ADDRESS = "127.0.0.11";

/** The host's own resolver settings. Source: resolv.conf(5). */
export function parseResolvConf(text: string): DnsSpec {
  const servers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of text.split("\n")) {
    const [key, ...values] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/);
    if (key === "nameserver" && values[0] !== undefined && net.isIP(values[0].replace(/%.*$/, "")) !== 0)
      servers.push(values[0]);
    // The last of these lines counts.
    if (key === "search" || key === "domain") search = values;
    if (key === "options") options.push(...values);
  }
  return { servers, search, options };
}

/** Reads the host's settings; where systemd-resolved answers on a loopback address, the servers behind it count too. */
export async function readHostResolvConf(): Promise<DnsSpec> {
  try {
    return parseResolvConf(await readFile("/etc/resolv.conf", "utf8"));
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
    return { servers: [], search: [], options: [] };
  }
}

export function isLoopback(server: string): boolean {
  return server.startsWith("127.") || server === "::1";
}

/** A container's own wishes before the host's settings, each list as a whole; a lone dot means no search list. */
export function merged(wanted: DnsSpec, host: DnsSpec): DnsSpec {
  const search = wanted.search.length > 0 ? wanted.search : host.search;
  return {
    servers: wanted.servers.length > 0 ? wanted.servers : host.servers,
    search: search.length === 1 && search[0] === "." ? [] : search,
    options: wanted.options.length > 0 ? wanted.options : host.options,
  };
}

export function formatResolvConf(dns: DnsSpec): string {
  const lines = dns.servers.map((server) => `nameserver ${server}`);
  if (dns.search.length > 0) lines.push(`search ${dns.search.join(" ")}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(" ")}`);
  return `# Written by Longshore. A file that you edit stays as you leave it.\n${lines.join("\n")}\n`;
}

/** What a sandbox that asks our server reads: one server, and dots that we need not count. */
export function formatOwnResolvConf(dns: DnsSpec): string {
  const hasNdots = dns.options.some((option) => option.startsWith("ndots:"));
  return formatResolvConf({
    servers: [DNS_ADDRESS],
    search: dns.search,
    options: hasNdots ? dns.options : [...dns.options, "ndots:0"],
  });
}
