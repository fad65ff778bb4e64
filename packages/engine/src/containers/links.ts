import { LongshoreError } from "#kernel";
import type { Context } from "./context.ts";
import type { Container, ContainerLink, HostSettings } from "./contract.ts";
import { exposedRange, networkMode } from "./network-mode.ts";

const BRIDGE = "bridge";
const refuse = (message: string): LongshoreError => new LongshoreError("invalid", message);

/**
 * Links on the default bridge, by whom they lead to. Networks with names of their own have them in their endpoints. Throws `invalid`, also for
 * a container that is not there: a client reads "not found" as a missing image. Source: Docker docs, legacy container links.
 */
export function linksOf(
  book: Context["book"],
  { Links, NetworkMode }: HostSettings,
): readonly ContainerLink[] {
  const mode = networkMode(NetworkMode);
  if (mode.kind !== "network" || mode.name !== BRIDGE) return [];
  return (Links ?? []).map((text) => {
    const { name, alias } = parseLink(text);
    const other = book.find(name);
    if (other === undefined) throw refuse(`could not get container for ${name}: No such container: ${name}`);
    if (other.host.NetworkMode === "host")
      throw refuse(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
      );
    return { id: other.id, alias };
  });
}

/** `name`, `name:alias`, or as inspect has it, `/name:/own/alias`. */
function parseLink(text: string): { readonly name: string; readonly alias: string } {
  const [name = "", alias = name, ...more] = text.split(":");
  if (text === "") throw refuse("empty string specified for links");
  if (name === "" || alias === "" || more.length > 0) throw refuse(`bad format for links: ${text}`);
  return { name, alias: alias.slice(alias.lastIndexOf("/") + 1) };
}

interface Linked {
  readonly other: Container;
  readonly alias: string;
  readonly address: string;
}

/** Where a container's links lead now, running ones alone. */
function linked(context: Context, { links = [] }: Container): readonly Linked[] {
  return links.flatMap(({ id, alias }) => {
    const other = context.book.byId(id);
    const endpoints = context.networks.sandbox(id)?.endpoints ?? [];
    const address = endpoints.find(({ networkName }) => networkName === BRIDGE)?.ipv4;
    return other === undefined || address === undefined ? [] : [{ other, alias, address }];
  });
}

/** Before a start: all that it links to must run, on the same bridge. Throws `internal` in Docker's words. */
export function checkLinks(context: Context, { name, links = [] }: Container): void {
  for (const { id, alias } of links) {
    const other = context.book.byId(id);
    if (other === undefined) continue;
    if (context.book.live(id).task === undefined)
      throw new LongshoreError(
        "internal",
        `Cannot link to a non running container: /${other.name} AS /${name}/${alias}`,
      );
    if (other.endpoints[BRIDGE] === undefined)
      throw new LongshoreError("internal", `container ${id} not attached to default bridge network`);
  }
}

/** Lines of /etc/hosts: the alias, and the names that the other container has. */
export function linkedHosts(context: Context, container: Container): readonly string[] {
  return linked(context, container).map(({ other, alias, address }) => {
    const names = [alias, other.settings.Hostname, ...(alias === other.name ? [] : [other.name])];
    return `${address}\t${names.join(" ")}`;
  });
}

/** Variables that tell of a container's links: who it is, its ports and its own variables. */
export function linkedEnvironment(context: Context, container: Container): readonly string[] {
  return linked(context, container).flatMap(({ other, alias, address }) => {
    const prefix = alias.replaceAll("-", "_").toUpperCase();
    const ports = portsOf(other);
    const [first] = ports;
    return [
      ...(first === undefined ? [] : [`${prefix}_PORT=${first.protocol}://${address}:${first.number}`]),
      ...ports.flatMap(({ number, protocol }) => {
        const one = `${prefix}_PORT_${number}_${protocol.toUpperCase()}`;
        return [
          `${one}=${protocol}://${address}:${number}`,
          `${one}_ADDR=${address}`,
          `${one}_PORT=${number}`,
          `${one}_PROTO=${protocol}`,
        ];
      }),
      `${prefix}_NAME=/${container.name}/${alias}`,
      ...other.settings.Env.filter((entry) => /^(?!HOME=|PATH=)[^=]+=/.test(entry)).map(
        (entry) => `${prefix}_ENV_${entry}`,
      ),
    ];
  });
}

function portsOf({ settings }: Container): readonly { readonly number: number; readonly protocol: string }[] {
  return Object.keys(settings.ExposedPorts ?? {})
    .map(exposedRange)
    .flatMap((range) => (range === undefined ? [] : [{ number: range.first, protocol: range.protocol }]))
    .toSorted((a, b) => a.number - b.number || (a.protocol === "tcp" ? -1 : 1));
}
