import { LongshoreError, parseDuration } from "#kernel";
import type { ExecutionConfig, Healthcheck } from "#spec";

const NANO_PER_MS = 1_000_000;
/** An empty list of words means something to these. */
const MAY_BE_EMPTY = ["ENTRYPOINT", "CMD"];

interface Draft {
  readonly config: ExecutionConfig;
  /** An ENTRYPOINT takes the command away that was there before these changes. */
  readonly hasOwnCommand: boolean;
}

/**
 * What a Dockerfile's lines make of `config`: CMD, ENTRYPOINT, ENV, EXPOSE, HEALTHCHECK, LABEL, ONBUILD, STOPSIGNAL, USER, VOLUME and WORKDIR.
 * Throws `invalid` for others. Source: moby, builder/dockerfile, BuildFromConfig.
 */
export function applyChanges(config: ExecutionConfig, changes: readonly string[]): ExecutionConfig {
  const given = changes.flatMap((text) => text.split("\n")).filter((line) => line.trim() !== "");
  const lines = given.filter((line) => !line.trimStart().startsWith("#"));
  if (lines.length === 0 && given.length > 0)
    throw new LongshoreError("invalid", "file with no instructions");
  let draft: Draft = { config, hasOwnCommand: false };
  for (const line of lines) {
    const [, word = "", rest = ""] = /^\s*(\S+)\s*(.*)$/s.exec(line) ?? [];
    const change = CHANGES[word.toUpperCase()];
    if (change === undefined)
      throw new LongshoreError("invalid", `${word.toLowerCase()} is not a valid change command`);
    if (rest.trim() === "" && !MAY_BE_EMPTY.includes(word.toUpperCase()))
      throw new LongshoreError("invalid", `${word.toUpperCase()} requires at least one argument`);
    const changed = change(rest.trim(), draft);
    draft = {
      config: { ...draft.config, ...changed },
      hasOwnCommand: draft.hasOwnCommand || word.toUpperCase() === "CMD",
    };
  }
  return draft.config;
}

const CHANGES: Readonly<Record<string, (rest: string, draft: Draft) => ExecutionConfig>> = {
  CMD: (rest, { config }) => ({ Cmd: commandOf(rest, config) }),
  ENTRYPOINT: (rest, { config, hasOwnCommand }) => {
    const words = commandOf(rest, config);
    return { Entrypoint: words.length === 0 ? null : words, ...(!hasOwnCommand && { Cmd: null }) };
  },
  ENV: (rest, { config }) => {
    const entries = pairsOf(rest).map(([name, value]) => [name, expanded(value, config)] as const);
    const names = new Set(entries.map(([name]) => name));
    return {
      Env: [
        ...(config.Env ?? []).filter((entry) => !names.has(entry.split("=", 1)[0] ?? "")),
        ...entries.map(([name, value]) => `${name}=${value}`),
      ],
    };
  },
  LABEL: (rest, { config }) => ({
    Labels: {
      ...config.Labels,
      ...Object.fromEntries(pairsOf(rest).map(([name, value]) => [name, expanded(value, config)])),
    },
  }),
  EXPOSE: (rest, { config }) => ({
    ExposedPorts: {
      ...config.ExposedPorts,
      ...Object.fromEntries(
        expanded(rest, config)
          .split(/\s+/)
          .flatMap(portsOf)
          .map((port) => [port, {}]),
      ),
    },
  }),
  HEALTHCHECK: (rest) => ({ Healthcheck: healthcheckOf(rest) }),
  ONBUILD: (rest, { config }) => {
    const trigger = /^\S+/.exec(rest)?.[0].toUpperCase() ?? "";
    if (trigger === "ONBUILD")
      throw new LongshoreError("invalid", "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === "MAINTAINER" || trigger === "FROM")
      throw new LongshoreError("invalid", `${trigger} isn't allowed as an ONBUILD trigger`);
    return { OnBuild: [...(config.OnBuild ?? []), rest] };
  },
  STOPSIGNAL: (rest, { config }) => ({ StopSignal: expanded(rest, config) }),
  USER: (rest, { config }) => ({ User: expanded(rest, config) }),
  VOLUME: (rest, { config }) => ({
    Volumes: {
      ...config.Volumes,
      ...Object.fromEntries(
        (jsonWords(rest) ?? rest.split(/\s+/)).map((place) => [expanded(place, config), {}]),
      ),
    },
  }),
  WORKDIR: (rest, { config }) => {
    const place = expanded(rest, config);
    const before = (config.WorkingDir ?? "").replace(/\/$/, "");
    return { WorkingDir: place.startsWith("/") ? place : `${before}/${place}` };
  },
};

/** `$NAME`, `${NAME}`, `${NAME:-else}` and `${NAME:+then}` by the config's own variables; a backslash takes the dollar as it is. */
function expanded(text: string, { Env }: ExecutionConfig): string {
  const valueOf = (name: string): string =>
    Env?.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
  return text.replaceAll(
    /\\\$|\$(?:(\w+)|\{(\w+)(?::([-+])([^}]*))?\})/g,
    (whole, plain: string | undefined, braced = "", sign: string | undefined, words = "") => {
      if (whole === "\\$") return "$";
      const value = valueOf(plain ?? braced);
      if (sign === "-") return value === "" ? words : value;
      return sign === "+" ? (value === "" ? "" : words) : value;
    },
  );
}

/** `80`, `80/udp` and `80-82/tcp` as the ports that they are. */
function portsOf(text: string): readonly string[] {
  const [, first = "", last = first, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last)];
  const isRange = first !== "" && from <= to && to <= 65_535;
  if (!isRange) throw new LongshoreError("invalid", `Invalid containerPort: ${text}`);
  if (!["tcp", "udp", "sctp"].includes(protocol.toLowerCase()))
    throw new LongshoreError("invalid", `Invalid proto: ${protocol}`);
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol.toLowerCase()}`);
}

const HEALTH_TIMES: Readonly<Record<string, keyof Healthcheck>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
};

function healthcheckOf(rest: string): Healthcheck {
  const [, flags = "", word = "", command = ""] = /^((?:--\S+\s+)*)(\S+)\s*(.*)$/s.exec(rest) ?? [];
  const found: Record<string, number> = {};
  for (const [, name = "", value = ""] of flags.matchAll(/--([\w-]+)=(\S*)/g)) {
    const key = HEALTH_TIMES[name];
    const number = name === "retries" ? Number(value) : (parseDuration(value) ?? Number.NaN) * NANO_PER_MS;
    if (key === undefined && name !== "retries") throw new LongshoreError("invalid", `Unknown flag: ${name}`);
    if (!Number.isInteger(number) || number < 0)
      throw new LongshoreError("invalid", `invalid value "${value}" for HEALTHCHECK --${name}`);
    found[key ?? "Retries"] = number;
  }
  const words = jsonWords(command);
  switch (word.toUpperCase()) {
    case "NONE":
      if (command !== "") throw new LongshoreError("invalid", "HEALTHCHECK NONE takes no arguments");
      return { Test: ["NONE"] };
    case "CMD":
      if (command === "") throw new LongshoreError("invalid", "Missing command after HEALTHCHECK CMD");
      return { Test: words === undefined ? ["CMD-SHELL", command] : ["CMD", ...words], ...found };
    default:
      throw new LongshoreError("invalid", `Unknown type "${word.toUpperCase()}" in HEALTHCHECK (try CMD)`);
  }
}

/** The shell's words for a line that is no list. */
function commandOf(rest: string, { Shell }: ExecutionConfig): readonly string[] {
  return jsonWords(rest) ?? [...(Shell ?? ["/bin/sh", "-c"]), rest];
}

function jsonWords(rest: string): readonly string[] | undefined {
  if (!rest.startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(rest);
    return Array.isArray(parsed) && parsed.every((entry) => typeof entry === "string") ? parsed : undefined;
  } catch {
    return undefined;
  }
}

/** `a=b c="d e"` or the old `a b c` form. */
function pairsOf(rest: string): readonly (readonly [string, string])[] {
  if (!/^\S+=/.test(rest)) {
    const [, name = "", value = ""] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
    return [[name, value]];
  }
  return [...rest.matchAll(/([^\s=]+)=("(?:[^"\\]|\\.)*"|'[^']*'|\S*)/g)].map(
    ([, name = "", value = ""]) =>
      [name, value.replace(/^(["'])(.*)\1$/s, "$2").replaceAll(/\\([^$])/g, "$1")] as const,
  );
}
