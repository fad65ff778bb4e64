import { LongshoreError, MiB } from "#kernel";
import { type Digest, type ImageConfig, isDigest } from "#spec";

export const MAX_CONFIG_BYTES: number = 8 * MiB;
const MAX_LAYERS = 500;

/** An image config from hostile bytes: checks what the engine relies on, keeps the rest. Throws `invalid` naming `where`. */
export function parseImageConfig(bytes: Uint8Array, where: string): ImageConfig {
  const parsed = parseJsonObject(bytes, where);
  const rootfs = parsed["rootfs"];
  const refuse = (why: string): LongshoreError =>
    new LongshoreError("invalid", `invalid image config ${where}: ${why}`);
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
  for (const key of ["architecture", "os"])
    if (parsed[key] !== undefined && typeof parsed[key] !== "string") throw refuse(`${key} is not a string`);
  const config = parsed["config"];
  if (config !== undefined && config !== null) checkExecution(config, refuse);
  return {
    ...parsed,
    architecture: (parsed["architecture"] as string | undefined) ?? "amd64",
    os: (parsed["os"] as string | undefined) ?? "linux",
    config: config ?? {},
  } as unknown as ImageConfig;
}

function checkExecution(config: unknown, refuse: (why: string) => LongshoreError): void {
  if (typeof config !== "object" || config === null || Array.isArray(config))
    throw refuse("config is not an object");
  for (const [key, value] of Object.entries(config)) {
    if (value === null) continue;
    const isList = Array.isArray(value) && value.every((item) => typeof item === "string");
    if (["Env", "Cmd", "Entrypoint", "OnBuild", "Shell"].includes(key) && !isList)
      throw refuse(`config.${key} is not a list of strings`);
    if (["User", "WorkingDir", "StopSignal"].includes(key) && typeof value !== "string")
      throw refuse(`config.${key} is not a string`);
    if (
      ["Labels", "Volumes", "ExposedPorts"].includes(key) &&
      (typeof value !== "object" || Array.isArray(value))
    )
      throw refuse(`config.${key} is not an object`);
    if (key === "Labels" && !Object.values(value as object).every((item) => typeof item === "string"))
      throw refuse("config.Labels holds something else than strings");
  }
}

/** A JSON object from bytes; throws `invalid` naming `where`. */
export function parseJsonObject(bytes: Uint8Array, where: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new LongshoreError("invalid", `${where} is not JSON`, { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new LongshoreError("invalid", `${where} is not a JSON object`);
  return parsed as Readonly<Record<string, unknown>>;
}
