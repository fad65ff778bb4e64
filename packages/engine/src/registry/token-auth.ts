import { LongshoreError } from "#kernel";
import type { Credentials } from "./contract.ts";
import type { Endpoint } from "./endpoint.ts";
import type { HttpClient } from "./http-client.ts";

const MAX_TOKEN_BYTES = 1024 * 1024;
const SAFETY_MS = 5000;
const DEFAULT_LIFE_SECONDS = 60;
const CLIENT = "longshore";

/** One WWW-Authenticate challenge. Source: RFC 9110 section 11. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** Parses a header of one or more challenges; unknown parts are skipped. */
export function parseChallenges(header: string): readonly Challenge[] {
  const starts = [...header.matchAll(/(?:^|,\s*)([A-Za-z][\w-]*)\s+(?=[\w-]+=)/g)];
  return starts.map((match, index) => {
    const body = header.slice(
      (match.index ?? 0) + match[0].length,
      starts[index + 1]?.index ?? header.length,
    );
    const parameters = Object.fromEntries(
      [...body.matchAll(/([\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g)].map(([, key = "", quoted, bare]) => [
        key.toLowerCase(),
        quoted?.replaceAll(/\\(.)/g, "$1") ?? bare ?? "",
      ]),
    );
    return { scheme: (match[1] ?? "").toLowerCase(), parameters };
  });
}

/** Keeps the Authorization header for one repository and action set; asks the token service when challenged. Source: distribution spec, token authentication. */
export class TokenAuth {
  readonly #http: HttpClient;
  readonly #credentials: Credentials | undefined;
  readonly #peer: Pick<Endpoint, "isInsecure" | "registry">;
  /** A login wants a token that outlives the password. */
  readonly #isOffline: boolean;
  #header: string | undefined;
  #validUntil = Number.POSITIVE_INFINITY;

  #identityToken = "";

  constructor(
    http: HttpClient,
    credentials: Credentials | undefined,
    { isInsecure, registry }: Pick<Endpoint, "isInsecure" | "registry">,
    options: { readonly isOffline?: boolean } = {},
  ) {
    this.#http = http;
    this.#credentials = credentials;
    this.#peer = { isInsecure, registry };
    this.#isOffline = options.isOffline ?? false;
  }

  /** The refresh token that came with the last token, or "". */
  get identityToken(): string {
    return this.#identityToken;
  }

  header(): string | undefined {
    if (this.#credentials?.registrytoken !== undefined && this.#credentials.registrytoken !== "")
      return `Bearer ${this.#credentials.registrytoken}`;
    return Date.now() < this.#validUntil ? this.#header : undefined;
  }

  /** The next request is challenged again: what it may do has changed. */
  forgetToken(): void {
    if (this.#header?.startsWith("Bearer ") === true) this.#header = undefined;
  }

  /** Answers a 401; false when there is nothing more to try. */
  async answer(challengeHeader: string, scope: string, signal: AbortSignal): Promise<boolean> {
    const before = this.#header;
    for (const challenge of parseChallenges(challengeHeader)) {
      if (challenge.scheme === "bearer") {
        await this.#fetchToken(challenge, scope, signal);
        return true;
      }
      const basic = this.#basic();
      if (challenge.scheme === "basic" && basic !== undefined && before !== basic) {
        this.#header = basic;
        this.#validUntil = Number.POSITIVE_INFINITY;
        return true;
      }
    }
    return false;
  }

  /** There is a name to show where basic access is asked for. */
  get hasName(): boolean {
    return this.#basic() !== undefined;
  }

  #basic(): string | undefined {
    const { username, password } = this.#credentials ?? {};
    return username === undefined || username === ""
      ? undefined
      : `Basic ${Buffer.from(`${username}:${password ?? ""}`).toString("base64")}`;
  }

  async #fetchToken({ parameters }: Challenge, scope: string, signal: AbortSignal): Promise<void> {
    const realm = parameters["realm"] ?? "";
    const url = URL.canParse(realm) ? new URL(realm) : undefined;
    if (
      url === undefined ||
      (url.protocol !== "https:" && !(url.protocol === "http:" && this.#peer.isInsecure))
    )
      throw new LongshoreError(
        "unauthorized",
        `registry names the token service ${JSON.stringify(realm)}, want an https URL`,
      );
    const service = parameters["service"] ?? "";
    const refresh = this.#credentials?.identitytoken;
    const basic = this.#basic();
    const response =
      refresh !== undefined && refresh !== ""
        ? await this.#http.send(
            {
              method: "POST",
              url: url.href,
              headers: { "content-type": "application/x-www-form-urlencoded" },
              body: new URLSearchParams({
                grant_type: "refresh_token",
                service,
                scope,
                client_id: CLIENT,
                refresh_token: refresh,
              }).toString(),
              ...this.#peer,
            },
            signal,
          )
        : await this.#http.send(
            {
              method: "GET",
              url: withQuery(url, {
                service,
                scope,
                account: basic === undefined ? "" : (this.#credentials?.username ?? ""),
                client_id: this.#isOffline ? CLIENT : "",
                offline_token: this.#isOffline ? "true" : "",
              }),
              headers: basic === undefined ? {} : { authorization: basic },
              ...this.#peer,
            },
            signal,
          );
    const bytes = await this.#http.document(response, MAX_TOKEN_BYTES, "token answer", signal);
    const text = bytes.toString("utf8");
    if (response.status === 401 || response.status === 403)
      throw new LongshoreError(
        "unauthorized",
        `unauthorized: ${refusalOf(text)} (token service answered ${response.status})`,
      );
    if (response.status !== 200)
      throw new LongshoreError("unavailable", `token service ${url.host} answered ${response.status}`);
    const { token, lifeSeconds, identityToken } = parseToken(text);
    this.#identityToken = identityToken;
    this.#header = `Bearer ${token}`;
    this.#validUntil = Date.now() + Math.max(lifeSeconds * 1000 - SAFETY_MS, 1000);
  }
}

function withQuery(url: URL, parameters: Readonly<Record<string, string>>): string {
  const query = new URL(url.href);
  for (const [name, value] of Object.entries(parameters))
    // Scopes are one parameter each.
    for (const part of name === "scope" ? value.split(" ") : [value])
      if (part !== "") query.searchParams.append(name, part);
  return query.href;
}

/** What a token service says of its 401: `errors` as the registry has them, or Docker Hub's `details`. */
function refusalOf(text: string): string {
  try {
    const { errors, details } = JSON.parse(text) as {
      errors?: readonly { message?: unknown }[];
      details?: unknown;
    };
    const said = errors?.[0]?.message ?? details;
    if (typeof said === "string" && said !== "") return said.replaceAll(/[^\x20-\x7e]/g, " ").slice(0, 300);
  } catch {
    // Not JSON: the usual reason.
  }
  return "incorrect username or password";
}

function parseToken(text: string): { token: string; lifeSeconds: number; identityToken: string } {
  try {
    const parsed = JSON.parse(text) as {
      token?: unknown;
      access_token?: unknown;
      expires_in?: unknown;
      refresh_token?: unknown;
    };
    const token =
      typeof parsed.token === "string" && parsed.token !== "" ? parsed.token : parsed.access_token;
    // A line break in a token would split the header.
    if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token))
      return {
        token,
        lifeSeconds: typeof parsed.expires_in === "number" ? parsed.expires_in : DEFAULT_LIFE_SECONDS,
        identityToken: typeof parsed.refresh_token === "string" ? parsed.refresh_token : "",
      };
  } catch {
    // Falls through to the refusal.
  }
  throw new LongshoreError("unauthorized", "token service answered without a token");
}
