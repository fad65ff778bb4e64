import { randomBytes } from "node:crypto";
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text as textOf } from "node:stream/consumers";

/** A request as it came to the gate. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  readonly contentRange: string | undefined;
}

export interface GateOptions {
  /** How callers prove who they are; nobody must without it. */
  readonly auth?: "bearer" | "basic";
  /** Name -> password. Everybody may pull from `public/...`. */
  readonly users?: Readonly<Record<string, string>>;
  /** Seconds that a token is good for. */
  readonly tokenLifeSeconds?: number;
  /** Blob answers are cut after so many bytes. */
  readonly cutAfterBytes?: number;
  /** Blob answers stand still after so many bytes, without an end. */
  readonly stallAfterBytes?: number;
  /** Blob reads are sent to this base URL with the same path. */
  readonly redirectBlobsTo?: string;
  /** The first requests are answered with 429 and this Retry-After. */
  readonly busy?: { readonly times: number; readonly retryAfter: string };
  /** What becomes of the nth chunk of an upload: cut before the registry hears of it, or refused with 405. */
  readonly chunks?: (n: number) => "forward" | "cut" | "refuse";
  /** The token service gives this refresh token to who asks for an offline one. */
  readonly identityToken?: string;
}

/** A door before a registry, with a token service of its own. */
export interface Gate extends AsyncDisposable {
  readonly host: string;
  readonly requests: readonly SeenRequest[];
  /** Scopes that tokens were asked for, with the name of who asked ("" = nobody). */
  readonly tokens: readonly { readonly scope: string; readonly user: string }[];
}

/** Starts a gate on a loopback port before the registry at `upstream` (HOST:PORT). */
export async function startGate(upstream: string, options: GateOptions = {}): Promise<Gate> {
  const requests: SeenRequest[] = [];
  const tokens: { scope: string; user: string }[] = [];
  const grants = new Map<string, { scopes: readonly string[]; until: number }>();
  let chunks = 0;
  let busyTimes = options.busy?.times ?? 0;
  const server = createServer((incoming, response) => {
    const url = new URL(incoming.url ?? "/", `http://${incoming.headers.host}`);
    const { authorization } = incoming.headers;
    if (url.pathname === "/token") {
      if (incoming.method !== "POST") return giveToken(url, authorization, undefined, response);
      return void textOf(incoming).then((form) =>
        giveToken(url, authorization, new URLSearchParams(form), response),
      );
    }
    requests.push({
      method: incoming.method ?? "",
      path: url.pathname,
      authorization,
      range: incoming.headers.range,
      contentRange: incoming.headers["content-range"],
    });
    if (busyTimes > 0) {
      busyTimes--;
      response.writeHead(429, { "Retry-After": options.busy?.retryAfter ?? "1" });
      return response.end();
    }
    const scope = scopeOf(incoming.method ?? "", url.pathname);
    if (!isAllowed(authorization, scope)) return challenge(incoming, scope, response);
    const fate = incoming.method === "PATCH" ? (options.chunks?.(++chunks) ?? "forward") : "forward";
    if (fate === "cut") return void incoming.socket.destroy();
    if (fate === "refuse") {
      incoming.resume();
      response.writeHead(405);
      return response.end();
    }
    const isBlobRead = incoming.method === "GET" && /\/blobs\/sha256:/.test(url.pathname);
    if (isBlobRead && options.redirectBlobsTo !== undefined) {
      response.writeHead(307, { Location: `${options.redirectBlobsTo}${url.pathname}` });
      return response.end();
    }
    const { cutAfterBytes, stallAfterBytes } = options;
    const limit = isBlobRead ? (stallAfterBytes ?? cutAfterBytes) : undefined;
    forward(upstream, incoming, response, limit, stallAfterBytes === undefined);
  });
  const userOf = (authorization: string | undefined): string | undefined => {
    const [name = "", password] = Buffer.from((authorization ?? "").replace(/^Basic /, ""), "base64")
      .toString()
      .split(":");
    return options.users?.[name] !== undefined && options.users[name] === password ? name : undefined;
  };
  const giveToken = (
    url: URL,
    authorization: string | undefined,
    form: URLSearchParams | undefined,
    response: ServerResponse,
  ): void => {
    const { identityToken } = options;
    const isKnown = identityToken !== undefined && form?.get("refresh_token") === identityToken;
    const user = isKnown ? "refreshed" : userOf(authorization);
    const scopes = [...url.searchParams.getAll("scope"), ...(form?.get("scope")?.split(" ") ?? [])];
    tokens.push({ scope: scopes.join(" "), user: user ?? "" });
    if ((authorization !== undefined || form !== undefined) && user === undefined)
      return void response.writeHead(401).end(JSON.stringify({ details: "incorrect username or password" }));
    const token = randomBytes(16).toString("hex");
    const life = options.tokenLifeSeconds ?? 300;
    const granted = scopes.filter(
      (scope) => user !== undefined || /^repository:public\/[^:]+:pull$/.test(scope),
    );
    grants.set(token, { scopes: granted, until: Date.now() + life * 1000 });
    response.writeHead(200, { "Content-Type": "application/json" });
    const isOffline = url.searchParams.get("offline_token") === "true" && identityToken !== undefined;
    response.end(
      JSON.stringify({ token, expires_in: life, ...(isOffline && { refresh_token: identityToken }) }),
    );
  };
  const isAllowed = (authorization: string | undefined, scope: string | undefined): boolean => {
    if (options.auth === undefined) return true;
    if (options.auth === "basic") return userOf(authorization) !== undefined;
    const grant = grants.get((authorization ?? "").replace(/^Bearer /, ""));
    if (grant === undefined || grant.until < Date.now()) return false;
    if (scope === undefined) return true;
    const [, name, action = ""] = scope.split(":");
    return grant.scopes.some(
      (given) => given.split(":")[1] === name && given.split(":")[2]?.split(",").includes(action),
    );
  };
  const challenge = (
    incoming: IncomingMessage,
    scope: string | undefined,
    response: ServerResponse,
  ): void => {
    const realm = `http://${incoming.headers.host}/token`;
    // Source: RFC 6750, section 3.1; docker-registry says it of every token that does not let in.
    const fault = incoming.headers.authorization === undefined ? "" : ',error="insufficient_scope"';
    const words =
      options.auth === "basic"
        ? 'Basic realm="gate"'
        : `Bearer realm="${realm}",service="gate"${scope === undefined ? "" : `,scope="${scope}"`}${fault}`;
    response.writeHead(401, { "WWW-Authenticate": words, "Content-Type": "application/json" });
    response.end(JSON.stringify({ errors: [{ code: "UNAUTHORIZED", message: "authentication required" }] }));
  };
  await listen(server);
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    tokens,
    [Symbol.asyncDispose]: () => close(server),
  };
}

function scopeOf(method: string, path: string): string | undefined {
  const name = /^\/v2\/(.+?)\/(?:manifests|blobs|tags)\//.exec(path)?.[1];
  if (name === undefined) return undefined;
  return `repository:${name}:${method === "GET" || method === "HEAD" ? "pull" : "push"}`;
}

function forward(
  upstream: string,
  incoming: IncomingMessage,
  response: ServerResponse,
  limitBytes: number | undefined,
  isCut: boolean,
): void {
  const [hostname, port] = upstream.split(":");
  const { authorization: _own, ...headers } = incoming.headers;
  const sent = request({ hostname, port, method: incoming.method, path: incoming.url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    let count = 0;
    answer.on("data", (chunk: Buffer) => {
      count += chunk.length;
      if (limitBytes === undefined || count <= limitBytes) return void response.write(chunk);
      const last = chunk.subarray(0, chunk.length - (count - limitBytes));
      response.write(last, () => (isCut ? response.destroy() : undefined));
      answer.destroy();
    });
    answer.on("end", () => response.end());
    answer.on("error", () => (isCut ? response.destroy() : undefined));
  });
  sent.on("error", () => response.destroy());
  incoming.pipe(sent);
}

/** Listens on a free loopback port. */
export async function listen(server: Server): Promise<void> {
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
}

export async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((done) => server.close(() => done()));
}
