import { LongshoreError } from "#kernel";
import { isDigest, type Digest } from "./digest.ts";

/** A parsed image reference. Source: distribution reference grammar as Docker normalises it (API.md, names). */
export interface Reference {
  /** Registry host as written, `docker.io` when none was. */
  readonly domain: string;
  /** Path below the host: `library/alpine`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

const DOMAIN =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
/** Reads as an image's id, never as its name. */
const BARE_ID = /^[0-9a-f]{64}$/;
const TAG = /^\w[\w.-]{0,127}$/;

const refuse = (why = "invalid reference format"): LongshoreError => new LongshoreError("invalid", why);

/** Parses `[host/]path[:tag][@digest]`; adds docker.io and library/, no tag. Throws `invalid` in Docker's words. */
export function parseReference(text: string): Reference {
  if (BARE_ID.test(text))
    throw refuse(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf("@");
  if (at >= 0) {
    const digestText = rest.slice(at + 1);
    if (!isDigest(digestText)) throw refuse();
    digest = digestText;
    rest = rest.slice(0, at);
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(":");
  if (colon > rest.lastIndexOf("/")) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
    if (!TAG.test(tag)) throw refuse();
  }
  const { domain, path } = splitDomain(rest);
  if (/[A-Z]/.test(path))
    throw refuse("invalid reference format: repository name (" + path + ") must be lowercase");
  if (!DOMAIN.test(domain) || !path.split("/").every((part) => COMPONENT.test(part))) throw refuse();
  if (domain.length + 1 + path.length > 255)
    throw refuse("repository name must not be more than 255 characters");
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isHost = slash > 0 && (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  let domain = isHost ? first : "docker.io";
  const path = isHost ? name.slice(slash + 1) : name;
  if (domain === "index.docker.io") domain = "docker.io";
  return { domain, path: domain === "docker.io" && !path.includes("/") ? `library/${path}` : path };
}

/**
 * A name to give, of what clients send apart: `tag` stands for the repository's own, `latest` for none. Throws `invalid` in Docker's words.
 * Source: moby, httputils.RepoTagReference.
 */
export function taggedReference(repository: string, tag: string): Reference {
  const { digest, ...reference } = parseReference(repository);
  if (digest !== undefined) throw refuse("refusing to create a tag with a digest reference");
  if (familiarName(reference) === "sha256")
    throw refuse("refusing to create an ambiguous tag using digest algorithm as name");
  if (tag === "") return withDefaultTag(reference);
  if (!TAG.test(tag)) throw refuse("invalid tag format");
  return { ...reference, tag };
}

/** The same reference with tag `latest` when it has neither tag nor digest. */
export function withDefaultTag(reference: Reference): Reference {
  return reference.tag === undefined && reference.digest === undefined
    ? { ...reference, tag: "latest" }
    : reference;
}

/** Repository without docker.io and library/, as Docker shows it; where that would read as something else, docker.io stays. */
export function familiarName(reference: Reference): string {
  const { domain, path } = reference;
  const whole = `${domain}/${path}`;
  if (domain !== "docker.io") return whole;
  const short = path.startsWith("library/") && !path.slice(8).includes("/") ? path.slice(8) : path;
  const read = splitDomain(short);
  return read.domain === domain && read.path === path && !BARE_ID.test(short) ? short : whole;
}

/** Familiar form with tag and digest. */
export function familiar(reference: Reference): string {
  return (
    familiarName(reference) +
    (reference.tag === undefined ? "" : `:${reference.tag}`) +
    (reference.digest === undefined ? "" : `@${reference.digest}`)
  );
}
