import { type ErrorKind, LongshoreError } from "#kernel";
import { type Digest, digestOf, familiarName, isDigest, type Reference } from "#spec";

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  429: "unavailable",
};

/** What a registry's status means for who asked, in Docker's words; `text` is the registry's own reason, if any. */
export function refusal(
  reference: Reference,
  purpose: "pull" | "push",
  status: number,
  text: string,
): LongshoreError {
  const name = familiarName(reference);
  if (status === 401 || status === 403)
    return new LongshoreError(
      purpose === "push" ? "unauthorized" : "not_found",
      purpose === "push"
        ? `denied: requested access to the resource is denied${text === "" ? "" : ` (${text})`}`
        : `pull access denied for ${name}, repository does not exist or may require 'docker login'${text === "" ? "" : `: ${text}`}`,
    );
  if (status === 404)
    return new LongshoreError(
      "not_found",
      `repository ${name} not found: does not exist or no pull access${text === "" ? "" : `: ${text}`}`,
    );
  return new LongshoreError(
    KINDS[status] ?? "unavailable",
    `registry ${reference.domain} answered ${status}${text === "" ? "" : `: ${text}`}`,
  );
}

export function manifestUnknown(reference: Reference, tagOrDigest: string): LongshoreError {
  const name = `${familiarName(reference)}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
  return new LongshoreError(
    "not_found",
    `manifest for ${name} not found: manifest unknown: manifest unknown`,
  );
}

/** The digest of a manifest's bytes; throws `invalid` when another one was asked for. */
export function verifiedDigest(bytes: Uint8Array, tagOrDigest: string): Digest {
  const digest = digestOf(bytes);
  if (isDigest(tagOrDigest) && digest !== tagOrDigest)
    throw new LongshoreError(
      "invalid",
      `manifest verification failed for digest ${tagOrDigest}: got ${digest}`,
    );
  return digest;
}

/** `code: message` of the first error in a registry's answer, printable and short. */
export function errorText(body: string): string {
  try {
    const parsed = JSON.parse(body) as { errors?: readonly { code?: unknown; message?: unknown }[] };
    const [first] = parsed.errors ?? [];
    if (first !== undefined)
      return `${String(first.code).toLowerCase().replaceAll("_", " ")}: ${String(first.message)}`
        .replaceAll(/[^\x20-\x7e]/g, " ")
        .slice(0, 300);
  } catch {
    // Not JSON: the status says it.
  }
  return "";
}
