import { LongshoreError } from "#kernel";
import type { ProcessUser } from "./document/build-document.ts";

/**
 * Resolves `user[:group]` (names or numbers) against the image's passwd and group files, as Docker does:
 * an unknown number is fine, an unknown name is `invalid`. Source: passwd(5), group(5).
 */
export function resolveUser(
  text: string,
  passwd: string,
  group: string,
  extraGroups: readonly string[],
): ProcessUser {
  const [userText = "", groupText] = text.split(":", 2);
  const users = lines(passwd);
  const groups = lines(group);
  const wanted = userText === "" ? "0" : userText;
  const entry = users.find((fields) => fields[0] === wanted) ?? users.find((fields) => fields[2] === wanted);
  if (entry === undefined && !isNumber(wanted))
    throw new LongshoreError(
      "invalid",
      `unable to find user ${userText}: no matching entries in passwd file`,
    );
  const uid = numberIn(entry?.[2] ?? wanted);
  const gid =
    groupText === undefined || groupText === ""
      ? numberIn(entry?.[3] ?? "0")
      : groupNumber(groupText, groups);
  const own =
    groupText !== undefined && groupText !== ""
      ? []
      : groups
          .filter((fields) => entry !== undefined && (fields[3] ?? "").split(",").includes(entry[0] ?? ""))
          .map((fields) => numberIn(fields[2] ?? "0"));
  const extra = extraGroups.map((name) => groupNumber(name, groups));
  // Supplementary groups include the primary one, so that negative group permissions cannot be dodged.
  return {
    uid,
    gid,
    additionalGids: [...new Set([gid, ...own, ...extra])],
    home: entry?.[5] !== undefined && entry[5] !== "" ? entry[5] : uid === 0 ? "/root" : "/",
  };
}

function groupNumber(name: string, groups: readonly (readonly string[])[]): number {
  const entry = groups.find((fields) => fields[0] === name);
  if (entry !== undefined) return numberIn(entry[2] ?? "0");
  if (!isNumber(name))
    throw new LongshoreError("invalid", `unable to find group ${name}: no matching entries in group file`);
  return numberIn(name);
}

const isNumber = (text: string): boolean => /^\d+$/.test(text);

function numberIn(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 31 - 1)
    throw new LongshoreError("invalid", `uids and gids must be in range 0-2147483647, got "${text}"`);
  return value;
}

const lines = (file: string): readonly (readonly string[])[] =>
  file
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
