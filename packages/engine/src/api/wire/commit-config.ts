import { LongshoreError } from "#kernel";
import type { ExecutionConfig } from "#spec";
import { healthcheck } from "./container-settings.ts";
import { anything, list, object, optional, record, type Shape, text, whole, words } from "./shape.ts";

/** The body of POST /commit: what an image's config can hold. */
export const commitShape: Shape<ExecutionConfig> = object({
  User: optional(text("")),
  ExposedPorts: optional(record(anything)),
  Env: optional(list(text(""))),
  Cmd: optional(words),
  Entrypoint: optional(words),
  Volumes: optional(record(anything)),
  WorkingDir: optional(text("")),
  Labels: optional(record(text(""))),
  StopSignal: optional(text("")),
  StopTimeout: optional(whole(10)),
  Healthcheck: optional(healthcheck),
  OnBuild: optional(list(text(""))),
  Shell: optional(list(text(""))),
});

/** Of ContainerConfig: what belongs to one run, and has no place in an image's config. Source: OCI image spec, config. */
export const RUN_TIME_ONLY: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "Hostname",
    "Domainname",
    "AttachStdin",
    "AttachStdout",
    "AttachStderr",
    "Tty",
    "OpenStdin",
    "StdinOnce",
    "ArgsEscaped",
    "Image",
    "NetworkDisabled",
    "MacAddress",
  ].map((name) => [name, "it belongs to one run, an image has no place for it"]),
);

/** The body of POST /commit: what it gives replaces the container's. */
export function parseCommitConfig(body: Readonly<Record<string, unknown>>): ExecutionConfig {
  const parsed = commitShape(body, "");
  return Object.fromEntries(
    Object.entries(parsed).filter(
      ([, value]) => value !== "" && !(Array.isArray(value) && value.length === 0),
    ),
  );
}

/** Dockerfile-like changes: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, VOLUME, WORKDIR, STOPSIGNAL. Throws `invalid` for others. */
export function applyChanges(config: ExecutionConfig, changes: readonly string[]): ExecutionConfig {
  let result = config;
  for (const change of changes.flatMap((text) => text.split("\n")).filter((line) => line.trim() !== "")) {
    const [, word = "", rest = ""] = /^\s*(\w+)\s+(.*)$/s.exec(change) ?? [];
    result = { ...result, ...applied(result, word.toUpperCase(), rest.trim(), change) };
  }
  return result;
}

function applied(config: ExecutionConfig, word: string, rest: string, whole: string): ExecutionConfig {
  switch (word) {
    case "CMD":
      return { Cmd: commandOf(rest) };
    case "ENTRYPOINT":
      return { Entrypoint: commandOf(rest) };
    case "ENV": {
      const entries = pairsOf(rest);
      const names = new Set(entries.map(([name]) => name));
      return {
        Env: [
          ...(config.Env ?? []).filter((entry) => !names.has(entry.split("=", 1)[0] ?? "")),
          ...entries.map(([name, value]) => `${name}=${value}`),
        ],
      };
    }
    case "LABEL":
      return { Labels: { ...config.Labels, ...Object.fromEntries(pairsOf(rest)) } };
    case "EXPOSE":
      return {
        ExposedPorts: {
          ...config.ExposedPorts,
          ...Object.fromEntries(
            rest.split(/\s+/).map((port) => [port.includes("/") ? port : `${port}/tcp`, {}]),
          ),
        },
      };
    case "USER":
      return { User: rest };
    case "VOLUME":
      return {
        Volumes: {
          ...config.Volumes,
          ...Object.fromEntries((jsonWords(rest) ?? rest.split(/\s+/)).map((place) => [place, {}])),
        },
      };
    case "WORKDIR":
      return {
        WorkingDir: rest.startsWith("/") ? rest : `${(config.WorkingDir ?? "/").replace(/\/$/, "")}/${rest}`,
      };
    case "STOPSIGNAL":
      return { StopSignal: rest };
    default:
      throw new LongshoreError(
        "invalid",
        `${word === "" ? JSON.stringify(whole) : word} is not a valid change command`,
      );
  }
}

const commandOf = (rest: string): readonly string[] => jsonWords(rest) ?? ["/bin/sh", "-c", rest];

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
      [name, value.replace(/^(["'])(.*)\1$/s, "$2").replaceAll(/\\(.)/g, "$1")] as const,
  );
}
