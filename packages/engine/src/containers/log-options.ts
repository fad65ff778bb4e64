import { LongshoreError } from "#kernel";
import {
  checkRemoteLogOptions,
  extraAttributes,
  memoryBytes,
  type LogSource,
  remoteLogOptions,
  renderTag,
} from "#logs";
import type { LogLimit } from "#spec";
import type { Container } from "./contract.ts";
import type { HostSettings } from "./settings.ts";

const refuse = (message: string): LongshoreError => new LongshoreError("invalid", message);
const LOCAL_DEFAULT_BYTES = 20_000_000;
const LOCAL_DEFAULT_FILES = 5;
/** `none` keeps just what an attached client has not read yet. */
const UNREAD_BYTES = 1_048_576;

/** Options by driver. Source: Docker Engine, logging drivers json-file, local, none. */
const KNOWN: Readonly<Record<string, readonly string[]>> = {
  "json-file": ["max-size", "max-file", "compress", "labels", "labels-regex", "env", "env-regex", "tag"],
  local: ["max-size", "max-file", "compress"],
  none: [],
};
/** Of every driver. Both modes hold no container up here: what a server does not take yet lies in the log. */
const COMMON = ["mode", "max-buffer-size"];
/** How much of a remote driver's output is kept here, in the options that Docker has for its copy. */
const COPY = ["cache-disabled", "cache-max-size", "cache-max-file", "cache-compress"];

/**
 * How much of a container's output is kept: `max-size` times `max-file`, as Docker's files hold together. Throws `invalid` for unknown
 * drivers and options. `compress` changes nothing: a file in one piece is kept as it is.
 */
export function logLimitOf({ Type, Config }: HostSettings["LogConfig"]): LogLimit | undefined {
  const remote = remoteLogOptions(Type);
  const known = remote === undefined ? KNOWN[Type] : [...remote, ...COPY];
  if (known === undefined) throw refuse(`logger: no log driver named '${Type}' is registered`);
  checkMode(Config);
  for (const key of Object.keys(Config))
    if (!known.includes(key) && !COMMON.includes(key))
      throw refuse(`unknown log opt '${key}' for ${Type} log driver`);
  checkRemoteLogOptions(Type, Config);
  if (Type === "none") return { capacityBytes: UNREAD_BYTES, stepBytes: UNREAD_BYTES / 2 };
  const isBounded = Type === "local" || remote !== undefined;
  const prefix = remote === undefined ? "" : "cache-";
  const size = Config[`${prefix}max-size`];
  const maxBytes = size === undefined ? (isBounded ? LOCAL_DEFAULT_BYTES : undefined) : humanSize(size);
  const files = Config[`${prefix}max-file`] ?? (isBounded ? String(LOCAL_DEFAULT_FILES) : "1");
  if (maxBytes !== undefined && maxBytes <= 0) throw refuse(`${prefix}max-size must be a positive number`);
  if (!/^\d{1,9}$/.test(files) || Number(files) < 1) throw refuse(`${prefix}max-file cannot be less than 1`);
  if (maxBytes === undefined) return undefined;
  return {
    capacityBytes: maxBytes * Number(files),
    stepBytes: Number(files) > 1 ? maxBytes : Math.ceil(maxBytes / 2),
  };
}

function checkMode(config: Readonly<Record<string, string>>): void {
  const mode = config["mode"] ?? "";
  if (mode !== "" && mode !== "blocking" && mode !== "non-blocking")
    throw refuse(`logger: logging mode not supported: ${mode}`);
  const buffer = config["max-buffer-size"];
  if (buffer === undefined) return;
  if (mode !== "non-blocking")
    throw refuse("logger: max-buffer-size option is only supported with 'mode=non-blocking'");
  memoryBytes(buffer);
}

/** Whether `docker logs` gives this container's output. */
export function isLogReadable({ Type, Config }: HostSettings["LogConfig"]): boolean {
  const isCopyOff = /^(1|t|true)$/i.test(Config["cache-disabled"] ?? "");
  return Type !== "none" && !(remoteLogOptions(Type) !== undefined && isCopyOff);
}

/** What a log driver is told of a container. */
export function logSourceOf(container: Container, directory: string): LogSource {
  const { settings, host } = container;
  return {
    directory,
    driver: host.LogConfig.Type,
    options: host.LogConfig.Config,
    subject: {
      id: container.id,
      name: container.name,
      imageId: container.imageId,
      imageName: settings.Image,
      command: [container.path, ...container.args],
      createdAt: container.createdAt,
      labels: settings.Labels,
      env: settings.Env,
    },
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

/**
 * What `docker logs --details` puts before each line: labels and variables that the driver's options name, and the tag. Throws `invalid` for a
 * tag's template that can't be read.
 */
export function logDetails(container: Container): string {
  const { subject, options } = logSourceOf(container, "");
  const details = extraAttributes(options, subject.labels, subject.env);
  const tag = options["tag"] ?? "";
  if (tag !== "") details.set("tag", renderTag(tag, subject));
  return [...details]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${queryEscape(name)}=${queryEscape(value)}`)
    .join(",");
}

/** As Go's url.QueryEscape. */
const queryEscape = (text: string): string =>
  encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
