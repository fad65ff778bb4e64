import { LongshoreError } from "#kernel";

/** What the local driver mounts for a volume with options; undefined when it keeps the data itself. */
export interface VolumeMount {
  readonly device: string;
  readonly type: string;
  readonly options: string;
}

const KNOWN = ["type", "o", "device", "size"];
/** An option that is given needs these as well. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  device: ["type"],
  type: ["device"],
  o: ["device", "type"],
};

/** Reads the local driver's options, as Docker's driver does. Throws `invalid`. */
export function parseVolumeOptions(options: Readonly<Record<string, string>>): VolumeMount | undefined {
  for (const name of Object.keys(options))
    if (!KNOWN.includes(name)) throw new LongshoreError("invalid", `invalid option: "${name}"`);
  if ((options["size"] ?? "") !== "")
    throw new LongshoreError("invalid", "quota size requested but no quota support");
  for (const name of Object.keys(options))
    for (const needed of NEEDED[name] ?? [])
      if (options[needed] === undefined)
        throw new LongshoreError("invalid", `missing required option: "${needed}"`);
  const { device = "", type = "", o = "" } = options;
  if (device === "") return undefined;
  return { device, type, options: o };
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** Throws `invalid` with Docker's text. */
export function checkVolumeName(name: string): void {
  if (name.length < 2 || name.length > 255)
    throw new LongshoreError(
      "invalid",
      name.length > 255
        ? `create ${name.slice(0, 32)}...: a volume name has at most 255 characters`
        : `create ${name}: volume name is too short, names should be at least two alphanumeric characters`,
    );
  if (!NAME.test(name))
    throw new LongshoreError(
      "invalid",
      `create ${name}: "${name}" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
    );
}
