import { STATUS_CODES } from "node:http";
import { type ErrorKind, LongshoreError } from "#kernel";
import { type Digest, digestOf, familiarName, isDigest, type Reference } from "#spec";
import type { Purpose } from "./contract.ts";
import { parseChallenges } from "./token-auth.ts";

const MAX_TEXT = 300;

const KINDS: Readonly<Record<number, ErrorKind>> = {
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
};

/** Why a registry refused: `code` as people read it ("name unknown"), "" where it named none. */
export interface Reason {
  readonly code: string;
  readonly text: string;
}

const reason = (code: string, message: string): Reason => ({ code, text: `${code}: ${message}` });
const UNAUTHORIZED = reason("unauthorized", "authentication required");
const DENIED = reason("denied", "requested access to the resource is denied");
const NAME_UNKNOWN = reason("name unknown", "repository name not known to registry");

/** What a status without a word means. */
const WORDLESS: Readonly<Record<number, Reason>> = {
  401: UNAUTHORIZED,
  403: DENIED,
  404: NAME_UNKNOWN,
  429: reason("toomanyrequests", "too many requests"),
};

/**
 * What a refusal says: in its challenge, then in its body. Source: RFC 6750, section 3.1; OCI distribution spec 1.1, error codes; Docker's
 * registry client for the words.
 */
export function reasonOf(status: number, challenge: string, body: string): Reason {
  if (status < 400 || status > 499)
    return {
      code: "",
      text: `received unexpected HTTP status: ${status} ${STATUS_CODES[status] ?? ""}`.trim(),
    };
  for (const { scheme, parameters } of parseChallenges(challenge)) {
    const known = { insufficient_scope: DENIED, invalid_token: UNAUTHORIZED }[parameters["error"] ?? ""];
    if (scheme !== "bearer" || known === undefined) continue;
    const said = printable(parameters["error_description"]);
    return said === "" ? known : reason(known.code, said);
  }
  const { details, errors } = objectIn(body);
  const said = printable(details);
  if (said !== "") return reason({ 401: "unauthorized", 429: "toomanyrequests" }[status] ?? "unknown", said);
  const [first] = (Array.isArray(errors) ? errors : []) as readonly { code?: unknown; message?: unknown }[];
  const code = printable(first?.code).toLowerCase().replaceAll("_", " ");
  if (code !== "") return reason(code, printable(first?.message));
  if (status === 401 || body === "") return WORDLESS[status] ?? unread(status, body);
  return unread(status, body);
}

const unread = (status: number, body: string): Reason => ({
  code: "",
  text: `error parsing HTTP ${status} response body: no error details found in HTTP response body: ${JSON.stringify(printable(body))}`,
});

function objectIn(body: string): { readonly details?: unknown; readonly errors?: unknown } {
  try {
    const parsed: unknown = JSON.parse(body);
    return typeof parsed === "object" && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}

const printable = (text: unknown): string =>
  typeof text === "string" ? text.slice(0, MAX_TEXT).replaceAll(/[^\x20-\x7e]/g, " ") : "";

/** What a registry's reason means for who asked, in Docker's words. */
export function refusal(
  reference: Reference,
  purpose: Purpose,
  status: number,
  { code, text }: Reason,
): LongshoreError {
  if (purpose === "pull" && code === "denied")
    return new LongshoreError(
      "not_found",
      `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ${text}`,
    );
  if (purpose === "pull" && code === "name unknown")
    return new LongshoreError("not_found", `repository ${familiarName(reference)} not found: ${text}`);
  const kind = { denied: "forbidden", unauthorized: "unauthorized" } as const;
  return new LongshoreError(kind[code as keyof typeof kind] ?? KINDS[status] ?? "unavailable", text);
}

/** The registry wants a name and a password, and there are none to show. */
export function noCredentials(method: string, url: string): LongshoreError {
  const verb = `${method[0] ?? ""}${method.slice(1).toLowerCase()}`;
  const { origin, pathname } = new URL(url);
  return new LongshoreError("unauthorized", `${verb} "${origin}${pathname}": no basic auth credentials`);
}

export function manifestUnknown(
  reference: Reference,
  tagOrDigest: string,
  purpose: Purpose = "pull",
): LongshoreError {
  const name = `${familiarName(reference)}${isDigest(tagOrDigest) ? "@" : ":"}${tagOrDigest}`;
  const text = "manifest unknown: manifest unknown";
  return new LongshoreError(
    "not_found",
    purpose === "pull" ? `manifest for ${name} not found: ${text}` : text,
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
