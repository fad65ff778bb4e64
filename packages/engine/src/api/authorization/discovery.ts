import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { errno, LongshoreError, messageOf } from "#kernel";

/** How a plugin is reached. */
export interface PluginAddress {
  readonly name: string;
  /** Options of node:http's or node:https's request(). */
  readonly connect: { readonly socketPath: string } | { readonly host: string; readonly port: number };
  readonly tls?: {
    readonly ca?: Buffer;
    readonly cert?: Buffer;
    readonly key?: Buffer;
    readonly isUnverified: boolean;
  };
}

const SOCKETS = "run/docker/plugins";
const SPECS = ["etc/docker/plugins", "usr/lib/docker/plugins"];

/**
 * Finds the plugin `name` as dockerd does: a socket in /run/docker/plugins, then NAME.spec and NAME.json in /etc/docker/plugins and
 * /usr/lib/docker/plugins, each also in a folder NAME; all below `root`. Throws `not_found`, `invalid` for a file that names no address.
 * Source: Docker's plugin API, plugin discovery.
 */
export async function findPlugin(name: string, root: string): Promise<PluginAddress> {
  if (!/^[\w.-]+$/.test(name) || name.startsWith("."))
    throw new LongshoreError("invalid", `plugin name "${name}", want letters, digits, "_", "." and "-"`);
  const places = (folder: string, ending: string): readonly string[] => [
    path.join(root, folder, `${name}${ending}`),
    path.join(root, folder, name, `${name}${ending}`),
  ];
  for (const place of places(SOCKETS, ".sock"))
    if ((await found(place))?.isSocket() === true) return { name, connect: { socketPath: place } };
  for (const place of SPECS.flatMap((folder) => [...places(folder, ".spec"), ...places(folder, ".json")])) {
    if ((await found(place)) === undefined) continue;
    const text = await readFile(place, "utf8");
    return place.endsWith(".json")
      ? await describedIn(text, name, place)
      : addressOf(text.trim(), name, place);
  }
  throw new LongshoreError("not_found", `plugin "${name}" not found`);
}

async function found(place: string): Promise<{ isSocket(): boolean } | undefined> {
  try {
    return await stat(place);
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

function addressOf(text: string, name: string, place: string): PluginAddress {
  if (text.startsWith("unix:///")) return { name, connect: { socketPath: text.slice("unix://".length) } };
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !["tcp:", "http:", "https:"].includes(url.protocol) || url.port === "")
    throw new LongshoreError(
      "invalid",
      `plugin file "${place}": address "${text}", want unix:///PATH or tcp://HOST:PORT`,
    );
  const connect = { host: url.hostname.replaceAll(/[[\]]/g, ""), port: Number(url.port) };
  return { name, connect, ...(url.protocol === "https:" && { tls: { isUnverified: false } }) };
}

async function describedIn(text: string, name: string, place: string): Promise<PluginAddress> {
  const file = (value: unknown): Promise<Buffer> | undefined =>
    typeof value === "string" && value !== "" ? readFile(value) : undefined;
  try {
    const { Addr, TLSConfig } = JSON.parse(text) as { readonly Addr?: unknown; readonly TLSConfig?: unknown };
    const address = addressOf(String(Addr), name, place);
    if (typeof TLSConfig !== "object" || TLSConfig === null) return address;
    const { InsecureSkipVerify, CAFile, CertFile, KeyFile } = TLSConfig as Readonly<Record<string, unknown>>;
    const [ca, cert, key] = await Promise.all([file(CAFile), file(CertFile), file(KeyFile)]);
    // As dockerd: without an authority of its own nobody is checked.
    const isUnverified = InsecureSkipVerify === true || ca === undefined;
    return {
      ...address,
      tls: { isUnverified, ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) },
    };
  } catch (error) {
    if (error instanceof LongshoreError) throw error;
    throw new LongshoreError("invalid", `plugin file "${place}": ${messageOf(error)}`, { cause: error });
  }
}
