import { LongshoreError, MiB } from "#kernel";
import type { Credentials, SearchHit } from "./contract.ts";
import { isInsecureHost } from "./endpoint.ts";
import type { HttpClient, HttpResponse } from "./http-client.ts";
import { TokenAuth } from "./token-auth.ts";

const MAX_ANSWER_BYTES = 4 * MiB;
const USUAL_LIMIT = 25;
const MAX_LIMIT = 100;
const SCOPE = "registry:catalog:search";

/** `host/term` asks that host, all else Docker Hub's index. Source: Docker registry API v1, search. */
export async function search(
  http: HttpClient,
  insecure: readonly string[],
  wanted: {
    readonly term: string;
    readonly limit: number | undefined;
    readonly credentials: Credentials | undefined;
  },
  signal: AbortSignal,
): Promise<readonly SearchHit[]> {
  if (/^https?:\/\//.test(wanted.term))
    throw new LongshoreError(
      "invalid",
      `invalid repository name: repository name (${wanted.term}) should not have a scheme`,
    );
  const limit = wantedLimit(wanted.limit);
  const { index, term } = splitTerm(wanted.term);
  if (!/^[\w.:[\]-]+$/.test(index)) throw new LongshoreError("invalid", `invalid index name (${index})`);
  const query = `v1/search?${new URLSearchParams({ q: term, n: String(limit) }).toString()}`;
  const host = index === "docker.io" ? "index.docker.io" : index;
  const isInsecure = index !== "docker.io" && isInsecureHost(index, insecure);
  let failure: unknown;
  for (const scheme of isInsecure ? ["https", "http"] : ["https"])
    try {
      const peer = { isInsecure, registry: index };
      const response = await ask(http, `${scheme}://${host}/${query}`, peer, wanted.credentials, signal);
      if (response.status !== 200) {
        await response.drop();
        throw new LongshoreError("internal", `unexpected status code ${response.status}`);
      }
      return parseHits(await http.document(response, MAX_ANSWER_BYTES, "search results", signal));
    } catch (error) {
      signal.throwIfAborted();
      failure = error;
      if (!(error instanceof LongshoreError) || error.kind !== "unavailable") throw error;
    }
  throw failure;
}

/** How many hits are wanted; Docker takes 0 for "not said". Throws `invalid`. */
export function wantedLimit(asked: number | undefined): number {
  const limit = asked === undefined || asked === 0 ? USUAL_LIMIT : asked;
  if (limit < 1 || limit > MAX_LIMIT)
    throw new LongshoreError("invalid", `limit ${limit} is outside the range of [1, ${MAX_LIMIT}]`);
  return limit;
}

async function ask(
  http: HttpClient,
  url: string,
  peer: { readonly isInsecure: boolean; readonly registry: string },
  credentials: Credentials | undefined,
  signal: AbortSignal,
): Promise<HttpResponse> {
  const auth = new TokenAuth(http, credentials, peer);
  for (let tries = 0; ; tries++) {
    const header = auth.header();
    const headers = { ...(header !== undefined && { authorization: header }), "x-docker-token": "true" };
    const response = await http.send({ method: "GET", url, headers, ...peer }, signal);
    const challenge = response.headers["www-authenticate"];
    if (response.status !== 401 || challenge === undefined || tries >= 2) return response;
    if (!(await auth.answer([challenge].flat().join(", "), SCOPE, signal))) return response;
    await response.drop();
  }
}

/** The first part is a host when it looks like one; on Docker Hub `library/` is left out. */
function splitTerm(term: string): { index: string; term: string } {
  const slash = term.indexOf("/");
  const first = slash < 0 ? "" : term.slice(0, slash);
  if (/[.:]/.test(first) || first === "localhost") {
    const rest = term.slice(slash + 1);
    if (first !== "docker.io" && first !== "index.docker.io") return { index: first, term: rest };
    return { index: "docker.io", term: rest.replace(/^library\//, "") };
  }
  return { index: "docker.io", term: term.replace(/^library\//, "") };
}

function parseHits(bytes: Buffer): readonly SearchHit[] {
  let results: unknown;
  try {
    ({ results } = JSON.parse(bytes.toString("utf8")) as { results?: unknown });
  } catch (error) {
    throw new LongshoreError("internal", "error decoding registry search results: not JSON", {
      cause: error,
    });
  }
  if (!Array.isArray(results)) return [];
  return results.flatMap((result: unknown) => {
    const hit = (typeof result === "object" && result !== null ? result : {}) as Record<string, unknown>;
    const { name, description, star_count: stars, is_official: isOfficial } = hit;
    if (typeof name !== "string") return [];
    return [
      {
        name,
        description: typeof description === "string" ? description : "",
        stars: typeof stars === "number" && Number.isSafeInteger(stars) ? stars : 0,
        isOfficial: isOfficial === true,
      },
    ];
  });
}
