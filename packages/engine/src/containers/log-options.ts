import { LongshoreError } from "#kernel";
import type { LogLimit } from "#spec";
import type { ContainerSettings, HostSettings } from "./settings.ts";

const refuse = (message: string): LongshoreError => new LongshoreError("invalid", message);
const LOCAL_DEFAULT_BYTES = 20_000_000;
const LOCAL_DEFAULT_FILES = 5;
/** `none` keeps just what an attached client has not read yet. */
const UNREAD_BYTES = 1_048_576;

/** Options by driver. Source: Docker Engine, logging drivers json-file, local, none. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "json-file": [
    "max-size",
    "max-file",
    "compress",
    "labels",
    "labels-regex",
    "env",
    "env-regex",
    "tag",
    "mode",
    "max-buffer-size",
  ],
  local: ["max-size", "max-file", "compress", "mode", "max-buffer-size"],
  none: [],
};

/**
 * How much of a container's output is kept: `max-size` times `max-file`, as Docker's files hold together. Throws `invalid` for unknown
 * drivers and options. `compress` changes nothing: a file in one piece is kept as it is.
 */
export function logLimitOf({ Type, Config }: HostSettings["LogConfig"]): LogLimit | undefined {
  const known = KNOWN[Type];
  if (known === undefined) throw refuse(`logger: no log driver named '${Type}' is registered`);
  for (const key of Object.keys(Config))
    if (!known.includes(key)) throw refuse(`unknown log opt '${key}' for ${Type} log driver`);
  if (Type === "none") return { capacityBytes: UNREAD_BYTES, stepBytes: UNREAD_BYTES / 2 };
  const isLocal = Type === "local";
  const size = Config["max-size"];
  const maxBytes = size === undefined ? (isLocal ? LOCAL_DEFAULT_BYTES : undefined) : humanSize(size);
  const files = Config["max-file"] ?? (isLocal ? String(LOCAL_DEFAULT_FILES) : "1");
  if (maxBytes !== undefined && maxBytes <= 0) throw refuse("max-size must be a positive number");
  if (!/^\d{1,9}$/.test(files) || Number(files) < 1) throw refuse("max-file cannot be less than 1");
  if (maxBytes === undefined) return undefined;
  return {
    capacityBytes: maxBytes * Number(files),
    stepBytes: Number(files) > 1 ? maxBytes : Math.ceil(maxBytes / 2),
  };
}

const UNITS = "kmgtp";

/** `10m`, `1.5GB`, `100`: decimal units, as Docker's log options have them. Throws `invalid`. */
export function humanSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?) ?([kmgtp]?)b?$/i.exec(text.trim());
  if (match === null) throw refuse(`invalid size: '${text}'`);
  const power = match[2] === "" ? 0 : UNITS.indexOf((match[2] ?? "").toLowerCase()) + 1;
  return Math.floor(Number(match[1]) * 1000 ** power);
}

/** What `docker logs --details` puts before each line: labels and variables that the driver's options name, and the tag. */
export function logDetails(
  { LogConfig }: Pick<HostSettings, "LogConfig">,
  settings: Pick<ContainerSettings, "Labels" | "Env">,
): string {
  const { Config } = LogConfig;
  const details = new Map<string, string>();
  const take = (source: Readonly<Record<string, string>>, names: string, pattern: string): void => {
    const wanted = new Set((Config[names] ?? "").split(",").map((name) => name.trim()));
    const expression = patternOf(Config[pattern]);
    for (const [name, value] of Object.entries(source))
      if (wanted.has(name) || expression?.test(name) === true) details.set(name, value);
  };
  take(settings.Labels, "labels", "labels-regex");
  const environment = settings.Env.map((entry): [string, string] => {
    const equals = entry.indexOf("=");
    return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
  });
  take(Object.fromEntries(environment), "env", "env-regex");
  if (Config["tag"] !== undefined && Config["tag"] !== "") details.set("tag", Config["tag"]);
  return [...details]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${queryEscape(name)}=${queryEscape(value)}`)
    .join(",");
}

function patternOf(text: string | undefined): RegExp | undefined {
  if (text === undefined || text === "") return undefined;
  try {
    return new RegExp(text, "u");
  } catch (error) {
    throw new LongshoreError("invalid", `invalid regular expression in log options: '${text}'`, {
      cause: error,
    });
  }
}

/** As Go's url.QueryEscape. */
const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
