import { writeFile } from "node:fs/promises";
import { LongshoreError } from "#kernel";
import { hostsText, networkFiles } from "./container-files.ts";
import { type Context, directoryOf } from "./context.ts";
import type { Container, EndpointSettings } from "./contract.ts";
import { linkedHosts } from "./links.ts";
import { checkEndpoint, endpointSpec, networkMode } from "./network-mode.ts";

/** Adds a network, to the record and, when it runs, to its sandbox. */
export async function connectContainer(
  context: Context,
  name: string,
  networkName: string,
  settings: EndpointSettings,
  signal: AbortSignal,
): Promise<void> {
  const { id } = context.book.get(name);
  await using _ = await context.locks.hold(id, signal);
  const container = context.book.get(id);
  const network = context.networks.get(networkName);
  const mode = networkMode(container.host.NetworkMode);
  if (mode.kind === "container")
    throw new LongshoreError(
      "conflict",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  if (mode.kind === "host")
    throw new LongshoreError("conflict", "container cannot be connected to network: host network mode");
  if (container.endpoints[network.name] !== undefined)
    throw new LongshoreError(
      "forbidden",
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    );
  for (const warning of checkEndpoint(context.networks, network.name, settings))
    context.log.warn("an endpoint does not have all that was asked for", { container: id, warning });
  if (context.book.live(id).task !== undefined) {
    await context.networks.connect(id, network.name, endpointSpec(container, network.name, settings), signal);
    await rewriteHosts(context, container);
  }
  await context.book.change(id, (record) => ({
    ...record,
    endpoints: { ...record.endpoints, [network.name]: settings },
  }));
}

export async function disconnectContainer(
  context: Context,
  name: string,
  networkName: string,
  isForced: boolean,
): Promise<void> {
  const { id } = context.book.get(name);
  await using _ = await context.locks.hold(id);
  const container = context.book.get(id);
  const network = context.networks.get(networkName);
  if (container.endpoints[network.name] === undefined) {
    if (isForced) return;
    throw new LongshoreError(
      "forbidden",
      `container ${container.id} is not connected to network ${network.name}`,
    );
  }
  if (context.book.live(id).task !== undefined) {
    await context.networks.disconnect(id, network.name);
    await rewriteHosts(context, container);
  }
  await context.book.change(id, (record) => {
    const { [network.name]: _gone, ...endpoints } = record.endpoints;
    return { ...record, endpoints };
  });
}

/** Another address of one that is linked to reaches those that run. */
export async function tellLinked(context: Context, id: string): Promise<void> {
  for (const container of context.book.list())
    if (container.links?.some((link) => link.id === id) && context.book.live(container.id).task !== undefined)
      await rewriteHosts(context, container);
}

async function rewriteHosts(context: Context, container: Container): Promise<void> {
  const endpoints = context.networks.sandbox(container.id)?.endpoints ?? [];
  const gateway = endpoints.find((endpoint) => endpoint.gateway !== undefined)?.gateway ?? "127.0.0.1";
  await writeFile(
    networkFiles(directoryOf(context, container.id)).hosts,
    hostsText(container, container.settings.Hostname, endpoints, gateway, linkedHosts(context, container)),
  );
}
