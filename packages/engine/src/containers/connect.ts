import { writeFile } from "node:fs/promises";
import { LongshoreError } from "#kernel";
import type { Network } from "#networks";
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
  const isRunning = context.book.live(id).task !== undefined;
  refuseConnection(context, container, network);
  if (container.endpoints[network.name] !== undefined) {
    // As Docker: what is to come is there already.
    if (!isRunning) return;
    throw new LongshoreError(
      "forbidden",
      `endpoint with name ${container.name} already exists in network ${network.name}`,
    );
  }
  for (const warning of checkEndpoint(context.networks, network.name, settings))
    context.log.warn("an endpoint does not have all that was asked for", { container: id, warning });
  if (isRunning) {
    await context.networks.connect(id, network.name, endpointSpec(container, network.name, settings), signal);
    await rewriteHosts(context, container);
  }
  await context.book.change(id, (record) => ({
    ...record,
    endpoints: { ...record.endpoints, [network.name]: settings },
  }));
}

/** Some namespaces take no networks, or no others. Throws `invalid` in Docker's words. */
function refuseConnection(context: Context, { host, endpoints }: Container, network: Network): void {
  const refuse = (why: string): LongshoreError => new LongshoreError("invalid", why);
  const { kind } = networkMode(host.NetworkMode);
  if (network.driver === "host" && kind !== "host")
    throw refuse("cannot connect container to host network - container must be created in host network mode");
  const others = Object.keys(endpoints).filter((name) => name !== network.name);
  const drivers = [network.driver, ...others.map((name) => driverOf(context, name))];
  if (kind === "container" || (others.length > 0 && drivers.includes("host")))
    throw refuse(
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  if (others.length > 0 && drivers.includes("null"))
    throw refuse(
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    );
}

/** "" for a network that is gone. */
const driverOf = ({ networks }: Context, name: string): string =>
  networks.list().find((one) => one.name === name || one.id === name)?.driver ?? "";

/** Takes a network away, from the record and, when it runs, from its sandbox. */
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
  if (network.driver === "host" && networkMode(container.host.NetworkMode).kind === "host")
    throw new LongshoreError(
      "invalid",
      "cannot disconnect container from host network - container was created in host network mode",
    );
  if (container.endpoints[network.name] === undefined) {
    if (isForced) return;
    throw new LongshoreError(
      "forbidden",
      `container ${container.id} is not connected to the network ${network.name}`,
    );
  }
  // To have no network is no endpoint.
  if (context.book.live(id).task !== undefined && network.driver !== "null") {
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
