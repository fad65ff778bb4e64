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

/** The body of POST /commit, undefined when it asks for nothing. An entrypoint without words is an answer too. */
export function parseCommitConfig(body: Readonly<Record<string, unknown>>): ExecutionConfig | undefined {
  if (Object.keys(body).length === 0) return undefined;
  const parsed = commitShape(body, "");
  return Object.fromEntries(
    Object.entries(parsed).filter(
      ([name, value]) => value !== "" && (name === "Entrypoint" || !Array.isArray(value) || value.length > 0),
    ),
  );
}
