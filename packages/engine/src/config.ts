import { readFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { errno, LongshoreError, type LogLevel, messageOf } from "#kernel";
import type { Listen, TlsFiles } from "#api";
import { proxiesOf, type ProxySettings, USUAL_CERTIFICATES } from "#registry";
import { type TrashSettings, trashSettings } from "#system";
import { listenOf, tlsFilesOf } from "./listens.ts";

/** All that an engine is told from outside: flags over the config file over defaults. */
export interface EngineConfig {
  readonly listens: readonly Listen[];
  /** Every TCP address speaks TLS with these. */
  readonly tls?: TlsFiles;
  /** Names of the plugins that have to allow each request, in order. */
  readonly authorizationPlugins: readonly string[];
  /** Below it are Docker's folders of plugins. */
  readonly pluginRoot: string;
  readonly dataRoot: string;
  readonly stateRoot: string;
  readonly mirrors: readonly string[];
  readonly insecureRegistries: readonly string[];
  /** Folder of certificates by registry. */
  readonly certificates: string;
  readonly proxies: ProxySettings;
  readonly bridgeSubnet?: string;
  readonly runtime?: { readonly name: string; readonly path: string };
  readonly logLevel: LogLevel;
  readonly trash: TrashSettings;
  /** Where the journald log driver finds the journal, when not at its usual place. */
  readonly journaldSocket?: string;
  readonly starterFile: string;
}

export type Command =
  | { readonly kind: "run"; readonly config: EngineConfig }
  | { readonly kind: "doctor"; readonly config: EngineConfig }
  | { readonly kind: "help" }
  | { readonly kind: "version" };

export const HELP = `Usage: npm run engine -- [doctor] [flags]

  --socket PATH               unix socket to listen on (STATE_ROOT/engine.sock)
  --host HOST                 listen there too: tcp://ADDR:PORT, unix:///PATH (repeatable);
                              without --tlsverify TCP on loopback addresses only
  --tlsverify                 TCP by TLS, for clients with a certificate of --tlscacert's
  --tls                       TCP by TLS, for any client
  --tlscacert FILE            who signs clients' certificates (~/.docker/ca.pem)
  --tlscert FILE              the engine's certificate (~/.docker/cert.pem)
  --tlskey FILE               its private key (~/.docker/key.pem)
  --authorization-plugin NAME plugin that has to allow each request (repeatable, in order)
  --plugin-root DIR           where run/docker/plugins and its like are looked for (/)
  --data-root DIR             images, containers, volumes (/var/lib/longshore)
  --state-root DIR            what lives until the next boot (/run/longshore)
  --config FILE               JSON with the same keys under dockerd's names where it has one
  --registry-mirror URL       mirror of docker.io (repeatable)
  --insecure-registry H|CIDR  registry reached by plain HTTP or unverified TLS (repeatable)
  --certs-dir DIR             registries' certificates by HOST:PORT (/etc/docker/certs.d)
  --bridge-subnet CIDR        subnet of the default bridge
  --runtime NAME=PATH         OCI runtime (crun, else runc, from PATH)
  --journald-socket PATH      the journal's socket (/run/systemd/journal/socket)
  --trash-quota SIZE|N%       what the trash may hold, 0 turns it off (10% of the disk)
  --trash-age DURATION        how long it keeps what was put there (168h)
  --log-level LEVEL           debug, info, warn, error (info)
  --help, --version           answer without root
`;

/** In the repository its build's cache, in an installation beside the bundle. */
const STARTER = import.meta.filename.endsWith(".ts") ? "../../../.cache/starter.tar" : "starter.tar";

const FLAGS = {
  socket: { type: "string" },
  host: { type: "string", multiple: true },
  tls: { type: "boolean" },
  tlsverify: { type: "boolean" },
  tlscacert: { type: "string" },
  tlscert: { type: "string" },
  tlskey: { type: "string" },
  "authorization-plugin": { type: "string", multiple: true },
  "plugin-root": { type: "string" },
  "data-root": { type: "string" },
  "state-root": { type: "string" },
  config: { type: "string" },
  "registry-mirror": { type: "string", multiple: true },
  "insecure-registry": { type: "string", multiple: true },
  "certs-dir": { type: "string" },
  "bridge-subnet": { type: "string" },
  runtime: { type: "string" },
  "journald-socket": { type: "string" },
  "trash-quota": { type: "string" },
  "trash-age": { type: "string" },
  "log-level": { type: "string" },
  "starter-image": { type: "string" },
  help: { type: "boolean" },
  version: { type: "boolean" },
} as const;

/** Reads flags and the config file. Throws `invalid` naming the flag or key, the value and what was wanted. */
export async function readCommand(argv: readonly string[]): Promise<Command> {
  const { values, positionals } = parse(argv);
  if (values.help === true) return { kind: "help" };
  if (values.version === true) return { kind: "version" };
  const [word, ...more] = positionals;
  if (more.length > 0 || (word !== undefined && word !== "doctor"))
    throw new LongshoreError(
      "invalid",
      `unknown argument "${more[0] ?? word ?? ""}", want nothing or "doctor"`,
    );
  const file = values.config === undefined ? {} : await readConfigFile(values.config);
  const isRoot = process.getuid?.() === 0;
  const home = os.homedir();
  const dataRoot = path.resolve(
    values["data-root"] ??
      word1(file, "data-root") ??
      (isRoot
        ? "/var/lib/longshore"
        : path.join(process.env["XDG_DATA_HOME"] ?? path.join(home, ".local/share"), "longshore")),
  );
  const stateRoot = path.resolve(
    values["state-root"] ??
      word1(file, "exec-root") ??
      (isRoot ? "/run/longshore" : path.join(process.env["XDG_RUNTIME_DIR"] ?? "/tmp", "longshore")),
  );
  const socket = path.resolve(values.socket ?? path.join(stateRoot, "engine.sock"));
  const level = values["log-level"] ?? word1(file, "log-level") ?? "info";
  if (level !== "debug" && level !== "info" && level !== "warn" && level !== "error")
    throw new LongshoreError("invalid", `--log-level "${level}", want debug, info, warn or error`);
  const runtime = values.runtime === undefined ? undefined : runtimeOf(values.runtime);
  const subnet = values["bridge-subnet"] ?? word1(file, "bip");
  const journaldSocket = values["journald-socket"];
  const hosts = [...(values.host ?? []), ...many(file, "hosts")];
  const tls = tlsFilesOf(
    {
      tls: values.tls ?? truth(file, "tls"),
      tlsverify: values.tlsverify ?? truth(file, "tlsverify"),
      tlscacert: values.tlscacert ?? word1(file, "tlscacert"),
      tlscert: values.tlscert ?? word1(file, "tlscert"),
      tlskey: values.tlskey ?? word1(file, "tlskey"),
    },
    process.env["DOCKER_CERT_PATH"] ?? path.join(home, ".docker"),
  );
  const config: EngineConfig = {
    listens: [{ kind: "unix", path: socket }, ...hosts.map((host) => listenOf(host, tls))],
    ...(tls !== undefined && { tls }),
    // As dockerd: one named twice is asked once.
    authorizationPlugins: [
      ...new Set([...(values["authorization-plugin"] ?? []), ...many(file, "authorization-plugins")]),
    ],
    pluginRoot: path.resolve(values["plugin-root"] ?? "/"),
    dataRoot,
    stateRoot,
    mirrors: [...(values["registry-mirror"] ?? []), ...many(file, "registry-mirrors")],
    insecureRegistries: [...(values["insecure-registry"] ?? []), ...many(file, "insecure-registries")],
    certificates: path.resolve(values["certs-dir"] ?? word1(file, "certs-dir") ?? USUAL_CERTIFICATES),
    proxies: proxiesFrom(file),
    ...(subnet !== undefined && { bridgeSubnet: subnet }),
    ...(runtime !== undefined && { runtime }),
    logLevel: level,
    trash: trashSettings(
      values["trash-quota"] ?? word1(file, "trash-quota") ?? "10%",
      values["trash-age"] ?? word1(file, "trash-age") ?? "168h",
    ),
    ...(journaldSocket !== undefined && { journaldSocket: path.resolve(journaldSocket) }),
    starterFile: values["starter-image"] ?? path.resolve(import.meta.dirname, STARTER),
  };
  return { kind: word === "doctor" ? "doctor" : "run", config };
}

function parse(
  argv: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof FLAGS; allowPositionals: true }>> {
  // dockerd's own form of a switch: --tlsverify=false.
  const args = argv.map((word) =>
    word.replace(/^--(tls|tlsverify)=(true|false)$/, (_, name: string, value: string) =>
      value === "true" ? `--${name}` : `--no-${name}`,
    ),
  );
  try {
    return parseArgs({ args, options: FLAGS, allowPositionals: true, allowNegative: true });
  } catch (error) {
    throw new LongshoreError("invalid", messageOf(error), { cause: error });
  }
}

async function readConfigFile(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const parsed: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
      throw new LongshoreError("invalid", "want a JSON object");
    const known = [
      "data-root",
      "exec-root",
      "log-level",
      "bip",
      "authorization-plugins",
      "hosts",
      "tls",
      "tlsverify",
      "tlscacert",
      "tlscert",
      "tlskey",
      "registry-mirrors",
      "insecure-registries",
      "certs-dir",
      "trash-quota",
      "trash-age",
      "proxies",
    ];
    for (const key of Object.keys(parsed))
      if (!known.includes(key))
        throw new LongshoreError("invalid", `unknown key "${key}", want one of ${known.join(", ")}`);
    return parsed as Readonly<Record<string, unknown>>;
  } catch (error) {
    const why = errno(error) === "ENOENT" ? "there is no such file" : messageOf(error);
    throw new LongshoreError("invalid", `config file "${file}": ${why}`, { cause: error });
  }
}

function word1(file: Readonly<Record<string, unknown>>, key: string): string | undefined {
  const value = file[key];
  if (value === undefined) return undefined;
  if (typeof value !== "string")
    throw new LongshoreError("invalid", `config key "${key}": got ${JSON.stringify(value)}, want a string`);
  return value;
}

function truth(file: Readonly<Record<string, unknown>>, key: string): boolean | undefined {
  const value = file[key];
  if (value === undefined || typeof value === "boolean") return value;
  throw new LongshoreError(
    "invalid",
    `config key "${key}": got ${JSON.stringify(value)}, want true or false`,
  );
}

function many(file: Readonly<Record<string, unknown>>, key: string): readonly string[] {
  const value = file[key];
  if (value === undefined) return [];
  if (!Array.isArray(value) || !value.every((entry) => typeof entry === "string"))
    throw new LongshoreError("invalid", `config key "${key}": want a list of strings`);
  return value;
}

/** The file's `proxies` go before the environment, each by itself. */
function proxiesFrom(file: Readonly<Record<string, unknown>>): ProxySettings {
  const value = file["proxies"] ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new LongshoreError("invalid", 'config key "proxies": want an object');
  const own = value as Readonly<Record<string, unknown>>;
  for (const key of Object.keys(own))
    if (!["http-proxy", "https-proxy", "no-proxy"].includes(key))
      throw new LongshoreError(
        "invalid",
        `config key "proxies": unknown key "${key}", want http-proxy, https-proxy or no-proxy`,
      );
  const surroundings = proxiesOf(process.env);
  return {
    http: word1(own, "http-proxy") ?? surroundings.http,
    https: word1(own, "https-proxy") ?? surroundings.https,
    no: word1(own, "no-proxy") ?? surroundings.no,
  };
}

function runtimeOf(text: string): { name: string; path: string } {
  const [name = "", place = ""] = text.split("=", 2);
  if (name === "" || !place.startsWith("/"))
    throw new LongshoreError("invalid", `--runtime "${text}", want NAME=/PATH`);
  return { name, path: place };
}
