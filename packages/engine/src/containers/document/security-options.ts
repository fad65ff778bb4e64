import { LongshoreError } from "#kernel";

/** What `--security-opt` asks for. */
export interface SecurityOptions {
  readonly isNoNewPrivileges: boolean;
  /** "" for the built-in profile, "unconfined" for none. */
  readonly seccomp: string;
  readonly seccompProfile?: object;
  readonly isCgroupWritable?: boolean;
  /** A profile by its name, or "unconfined". */
  readonly appArmor?: string;
}

const FLAGS = ["no-new-privileges", "writable-cgroups"];
const refuse = (which: 1 | 2, option: string): LongshoreError =>
  new LongshoreError("invalid", `invalid --security-opt ${which}: "${option}"`);

/** `--security-opt` entries, `key=value` or `key:value`; a flag alone is on. Throws `invalid` in Docker's words. */
export function parseSecurityOptions(options: readonly string[]): SecurityOptions {
  let isNoNewPrivileges = false;
  let seccomp = "";
  let seccompProfile: object | undefined;
  let isCgroupWritable: boolean | undefined;
  let appArmor: string | undefined;
  for (const option of options) {
    if (option === "disable") continue;
    const [, key, value = ""] = FLAGS.includes(option)
      ? [option, option, "true"]
      : (/^([^=:]+)[=:](.*)$/s.exec(option) ?? []);
    switch (key) {
      case undefined:
        throw refuse(1, option);
      case "no-new-privileges":
        isNoNewPrivileges = flagOf(option, value);
        break;
      case "writable-cgroups":
        isCgroupWritable = flagOf(option, value);
        break;
      case "apparmor":
        appArmor = value;
        break;
      case "label":
        break;
      case "seccomp":
        seccompProfile = undefined;
        seccomp = value === "unconfined" ? value : "";
        if (!["", "unconfined", "builtin"].includes(value)) seccompProfile = profileIn(value);
        break;
      default:
        throw refuse(2, option);
    }
  }
  return {
    isNoNewPrivileges,
    seccomp,
    ...(seccompProfile !== undefined && { seccompProfile }),
    ...(isCgroupWritable !== undefined && { isCgroupWritable }),
    ...(appArmor !== undefined && { appArmor }),
  };
}

/** Warnings for what this host can't do: there are no SELinux labels, and AppArmor is not everywhere. Throws `invalid`. */
export function checkSecurity(options: readonly string[], hasAppArmor: boolean): readonly string[] {
  const { appArmor = "unconfined" } = parseSecurityOptions(options);
  const labels = options.filter((option) => /^label[=:]/.test(option) && !/^label[=:]disable$/.test(option));
  return [
    ...labels.map((option) => `SELinux labels are not supported by this engine. "${option}" discarded.`),
    ...(hasAppArmor || appArmor === "unconfined" || appArmor === ""
      ? []
      : [`This host has no AppArmor. "apparmor=${appArmor}" discarded.`]),
  ];
}

function profileIn(text: string): object {
  try {
    const profile: unknown = JSON.parse(text);
    if (typeof profile === "object" && profile !== null) return profile;
    throw new SyntaxError("not an object");
  } catch (error) {
    throw new LongshoreError("invalid", "decoding seccomp profile failed: not valid JSON", { cause: error });
  }
}

/** A flag's value in the words that Docker takes. Throws `invalid`, naming the whole option. */
function flagOf(option: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw refuse(2, option);
}
