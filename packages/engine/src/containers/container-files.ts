import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Endpoint } from "#networks";
import type { Container } from "./contract.ts";

/** Host paths of the three files that every networked container gets. */
export interface NetworkFiles {
  readonly hostname: string;
  readonly hosts: string;
  readonly resolvConf: string;
}

export function networkFiles(directory: string): NetworkFiles {
  return {
    hostname: path.join(directory, "hostname"),
    hosts: path.join(directory, "hosts"),
    resolvConf: path.join(directory, "resolv.conf"),
  };
}

/** Writes hostname, hosts and resolv.conf. `hosts` of a running container is rewritten in place: it is bind mounted. */
export async function writeNetworkFiles(
  directory: string,
  container: Container,
  hostname: string,
  endpoints: readonly Endpoint[],
  resolvConf: string,
  hostGateway: string,
  linked: readonly string[],
): Promise<NetworkFiles> {
  await mkdir(directory, { recursive: true, mode: 0o710 });
  const files = networkFiles(directory);
  await Promise.all([
    writeFile(files.hostname, `${hostname}\n`),
    writeFile(files.hosts, hostsText(container, hostname, endpoints, hostGateway, linked)),
    writeFile(files.resolvConf, resolvConf),
  ]);
  return files;
}

/** Source: hosts(5). */
export function hostsText(
  container: Container,
  hostname: string,
  endpoints: readonly Endpoint[],
  hostGateway: string,
  linked: readonly string[],
): string {
  const lines = [
    "127.0.0.1\tlocalhost",
    "::1\tlocalhost ip6-localhost ip6-loopback",
    "fe00::\tip6-localnet",
    "ff00::\tip6-mcastprefix",
    "ff02::1\tip6-allnodes",
    "ff02::2\tip6-allrouters",
  ];
  for (const entry of container.host.ExtraHosts ?? []) {
    const cut = /[:=]/.exec(entry)?.index ?? entry.length;
    const address = entry.slice(cut + 1).replace(/^\[(.*)\]$/, "$1");
    lines.push(`${address === "host-gateway" ? hostGateway : address}\t${entry.slice(0, cut)}`);
  }
  lines.push(...linked);
  const names =
    container.settings.Domainname === ""
      ? hostname
      : `${hostname}.${container.settings.Domainname} ${hostname}`;
  for (const endpoint of endpoints)
    for (const address of [endpoint.ipv4, endpoint.ipv6])
      if (address !== undefined && address !== "") lines.push(`${address}\t${names}`);
  return `${lines.join("\n")}\n`;
}
