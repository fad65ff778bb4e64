import { LongshoreError } from "#kernel";

/** `--security-opt` entries, `key=value` or `key:value`. */
export function parseSecurityOptions(options: readonly string[]): {
  isNoNewPrivileges: boolean;
  seccomp: string;
  seccompProfile?: object;
  isCgroupWritable?: boolean;
} {
  let isNoNewPrivileges = false;
  let seccomp = "";
  let seccompProfile: object | undefined;
  let isCgroupWritable: boolean | undefined;
  for (const option of options) {
    if (option === "no-new-privileges") isNoNewPrivileges = true;
    const [, key = "", value = ""] = /^([^=:]+)[=:](.*)$/s.exec(option) ?? [];
    if (key === "no-new-privileges") isNoNewPrivileges = value !== "false";
    if (key === "writable-cgroups") isCgroupWritable = flagOf(option, value);
    if (key === "seccomp") {
      if (value === "unconfined") seccomp = value;
      else if (value !== "" && value !== "builtin") seccompProfile = JSON.parse(value) as object;
    }
  }
  return {
    isNoNewPrivileges,
    seccomp,
    ...(seccompProfile !== undefined && { seccompProfile }),
    ...(isCgroupWritable !== undefined && { isCgroupWritable }),
  };
}

/** A flag's value in the words that Docker takes. Throws `invalid`, naming the whole option. */
function flagOf(option: string, value: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(value)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(value)) return false;
  throw new LongshoreError("invalid", `invalid --security-opt 2: "${option}"`);
}
