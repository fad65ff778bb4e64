import { LongshoreError, MiB } from "#kernel";
import { type Digest, type ImageConfig, isDigest } from "#spec";

export const MAX_CONFIG_BYTES: number = 8 * MiB;
const MAX_LAYERS = 500;

/** An image config from hostile bytes: checks what the engine relies on, keeps the rest. Throws `invalid` naming `where`. */
export function parseImageConfig(bytes: Uint8Array, where: string): ImageConfig {
  const parsed = parseJsonObject(bytes, where);
  const rootfs = parsed["rootfs"];
  const refuse: Refuse = (why) => new LongshoreError("invalid", `invalid image config ${where}: ${why}`);
  if (
    typeof rootfs !== "object" ||
    rootfs === null ||
    !("diff_ids" in rootfs) ||
    !Array.isArray(rootfs.diff_ids)
  )
    throw refuse("rootfs.diff_ids is missing");
  const diffIds: readonly unknown[] = rootfs.diff_ids;
  if (diffIds.length > MAX_LAYERS) throw refuse(`${diffIds.length} layers, want at most ${MAX_LAYERS}`);
  if (!diffIds.every((id): id is Digest => typeof id === "string" && isDigest(id)))
    throw refuse("rootfs.diff_ids holds something else than sha256 digests");
  const text = (key: string): string | undefined => {
    const value = parsed[key] ?? undefined;
    if (value !== undefined && typeof value !== "string") throw refuse(`${key} is not a string`);
    return value;
  };
  for (const key of ["variant", "os.version", "author", "comment", "docker_version"]) text(key);
  const created = text("created");
  if (created !== undefined && !isTime(created))
    throw refuse(`created is ${JSON.stringify(created)}, no time`);
  const os = text("os") || "linux";
  if (os !== "linux")
    throw new LongshoreError("invalid", `operating system is not supported: image ${where} is for ${os}`);
  const config = parsed["config"] ?? {};
  checkExecution(config, refuse);
  const history = parsed["history"] ?? undefined;
  // An absent member and one that is null are the same to Docker.
  const members = Object.entries(parsed).filter(([, value]) => value !== null);
  return {
    ...Object.fromEntries(members),
    architecture: text("architecture") || "amd64",
    os,
    config,
    ...(history !== undefined && { history: historyOf(history, refuse) }),
  } as unknown as ImageConfig;
}

/** RFC 3339. */
const TIME = /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;
const isTime = (value: unknown): boolean =>
  typeof value === "string" && TIME.test(value) && !Number.isNaN(Date.parse(value));

type Refuse = (why: string) => LongshoreError;

/** Of each line what is null is left out; a line that is null is an empty one. */
function historyOf(history: unknown, refuse: Refuse): readonly object[] {
  if (!Array.isArray(history)) throw refuse("history is not a list");
  return history.map((line: unknown) => {
    if (line !== null && !isObject(line)) throw refuse("history holds something else than objects");
    const kept = Object.entries(line ?? {}).filter(([, value]) => value !== null);
    for (const [key, value] of kept) {
      const isRight =
        key === "created"
          ? isTime(value)
          : key === "empty_layer"
            ? typeof value === "boolean"
            : !["created_by", "author", "comment"].includes(key) || typeof value === "string";
      if (!isRight) throw refuse(`history's ${key} is ${JSON.stringify(value)}`);
    }
    return Object.fromEntries(kept);
  });
}

const isText = (value: unknown): boolean => typeof value === "string";
const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isTexts = (value: unknown): boolean => Array.isArray(value) && value.every(isText);
/** Docker's sets: what the values hold means nothing. */
const isSet = (value: unknown): boolean =>
  isObject(value) && Object.values(value).every((item) => item === null || isObject(item));
const isWhole = (value: unknown): boolean => Number.isSafeInteger(value);
const isHealthcheck = (value: unknown): boolean =>
  isObject(value) &&
  Object.entries(value).every(([key, item]: [string, unknown]) => {
    if (item === null) return true;
    if (key === "Test") return isTexts(item);
    return !["Interval", "Timeout", "StartPeriod", "StartInterval", "Retries"].includes(key) || isWhole(item);
  });

type Check = readonly [isRight: (value: unknown) => boolean, wanted: string];
const list: Check = [isTexts, "a list of strings"];
const string: Check = [isText, "a string"];
/** What the engine reads of an execution config. */
const MEMBERS: Readonly<Record<string, Check>> = {
  Env: list,
  Cmd: list,
  Entrypoint: list,
  OnBuild: list,
  Shell: list,
  User: string,
  WorkingDir: string,
  StopSignal: string,
  StopTimeout: [isWhole, "a whole number"],
  ArgsEscaped: [(value) => typeof value === "boolean", "a boolean"],
  Volumes: [isSet, "an object of objects"],
  ExposedPorts: [isSet, "an object of objects"],
  Labels: [(value) => isObject(value) && Object.values(value).every(isText), "an object of strings"],
  Healthcheck: [isHealthcheck, "a health check"],
};

function checkExecution(config: unknown, refuse: Refuse): void {
  if (!isObject(config)) throw refuse("config is not an object");
  for (const [key, value] of Object.entries(config)) {
    const check = Object.hasOwn(MEMBERS, key) ? MEMBERS[key] : undefined;
    if (value !== null && check !== undefined && !check[0](value))
      throw refuse(`config.${key} is not ${check[1]}`);
  }
}

/** Go reads no deeper into JSON than 10,000; what is kept of it must be written again, which recurses. */
const MAX_DEPTH = 1000;

/** A JSON object from bytes; throws `invalid` naming `where`. */
export function parseJsonObject(bytes: Uint8Array, where: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    const text = Buffer.from(bytes).toString("utf8");
    if (depthOf(text) > MAX_DEPTH)
      throw new LongshoreError("invalid", `${where} is nested deeper than ${MAX_DEPTH}`);
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof LongshoreError) throw error;
    throw new LongshoreError("invalid", `${where} is not JSON`, { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new LongshoreError("invalid", `${where} is not a JSON object`);
  return parsed as Readonly<Record<string, unknown>>;
}

/** How deep lists and objects are nested in a JSON text; in one go, whatever it is. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (isInString) {
      if (character === "\\") at++;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth--;
  }
  return deepest;
}
