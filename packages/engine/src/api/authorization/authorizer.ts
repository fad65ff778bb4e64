import { type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { LongshoreError, messageOf, MiB } from "#kernel";
import { findPlugin, type PluginAddress } from "./discovery.ts";
import { activatePlugin, callPlugin } from "./plugin-client.ts";

/** The largest JSON body that plugins see. Larger ones are refused: what no plugin has seen must not run. */
export const SEEN_BODY_BYTES: number = MiB;
const SECRET_HEADERS = ["authorization", "x-registry-auth", "x-registry-config"];

/** What plugins are told of a request, in the plugin protocol's words; bodies are base64. */
type Facts = Readonly<Record<string, unknown>>;

/** An answer that is about to be sent whole. */
export interface Answer {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
}

/** Plugins that have to allow each request and each answer, in order. Source: Docker's AuthZPlugin protocol, versions 1.x. */
export class Authorizer {
  readonly #plugins: readonly PluginAddress[];
  readonly #told = new WeakMap<IncomingMessage, Facts>();

  constructor(plugins: readonly PluginAddress[]) {
    this.#plugins = plugins;
  }

  /** Throws `forbidden` at the first denial, `internal` when a plugin fails. `readBody` is asked only if plugins see the body. */
  async askRequest(
    request: IncomingMessage,
    readBody: (limitBytes: number) => Promise<Buffer>,
    signal: AbortSignal,
  ): Promise<void> {
    const body = isSeen(request.url, request.headers["content-type"])
      ? await readBody(SEEN_BODY_BYTES)
      : Buffer.alloc(0);
    const facts = { ...userOf(request), ...requestOf(request), ...bodyOf("RequestBody", body) };
    await this.#ask("AuthZPlugin.AuthZReq", facts, signal);
    this.#told.set(request, facts);
  }

  /** Throws as askRequest(). A request that was never allowed has no answer to ask about. */
  async askResponse(request: IncomingMessage, answer: Answer, signal: AbortSignal): Promise<void> {
    const told = this.#told.get(request);
    if (told === undefined) return;
    const type = answer.headers["content-type"];
    const facts = {
      ...told,
      ResponseStatusCode: answer.status,
      ResponseHeaders: flat(Object.entries(answer.headers).map(([name, value]) => [name, String(value)])),
      ...bodyOf("ResponseBody", isSeen(request.url, String(type)) ? answer.body : Buffer.alloc(0)),
    };
    await this.#ask("AuthZPlugin.AuthZRes", facts, signal);
  }

  async #ask(method: string, facts: Facts, signal: AbortSignal): Promise<void> {
    for (const plugin of this.#plugins) {
      const { Allow, Msg, Err } = await callPlugin(plugin, method, facts, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        throw failed(plugin, messageOf(error), error);
      });
      if (typeof Err === "string" && Err !== "") throw failed(plugin, Err);
      if (Allow !== true)
        throw new LongshoreError(
          "forbidden",
          `authorization denied by plugin ${plugin.name}: ${typeof Msg === "string" ? Msg : ""}`,
        );
    }
  }
}

/** Finds and activates all plugins. Throws, naming the first that isn't there or is none. */
export async function openAuthorizer(
  names: readonly string[],
  root: string,
  signal: AbortSignal,
): Promise<Authorizer> {
  const plugins: PluginAddress[] = [];
  for (const name of names) {
    try {
      const plugin = await findPlugin(name, root);
      await activatePlugin(plugin, "authz", signal);
      plugins.push(plugin);
    } catch (error) {
      signal.throwIfAborted();
      throw new LongshoreError("unavailable", `--authorization-plugin ${name}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
  return new Authorizer(plugins);
}

function failed(plugin: PluginAddress, why: string, cause?: unknown): LongshoreError {
  return new LongshoreError("internal", `plugin ${plugin.name} failed with error: ${why}`, { cause });
}

/** JSON only, and nothing of a log-in. */
function isSeen(url: string | undefined, type: string | undefined): boolean {
  const path = (url ?? "").split("?", 1)[0] ?? "";
  return type?.split(";", 1)[0]?.trim().toLowerCase() === "application/json" && !path.endsWith("/auth");
}

function requestOf(request: IncomingMessage): Facts {
  const { rawHeaders } = request;
  const pairs = rawHeaders.flatMap((name, at): [string, string][] =>
    at % 2 === 0 ? [[name, rawHeaders[at + 1] ?? ""]] : [],
  );
  return {
    RequestMethod: request.method,
    RequestUri: request.url,
    RequestHeaders: flat(pairs.filter(([name]) => name.toLowerCase() !== "host")),
  };
}

/** Header names as Go writes them, since plugins compare them so; the last of equal names; without secrets. */
function flat(pairs: readonly (readonly [string, string])[]): Readonly<Record<string, string>> {
  const canonical = (name: string): string =>
    name.toLowerCase().replaceAll(/(^|-)[a-z]/g, (letter) => letter.toUpperCase());
  return Object.fromEntries(
    pairs
      .filter(([name]) => !SECRET_HEADERS.includes(name.toLowerCase()))
      .map(([name, value]) => [canonical(name), value]),
  );
}

function userOf({ socket }: IncomingMessage): Facts {
  const { TLSSocket } = process.getBuiltinModule("node:tls");
  if (!(socket instanceof TLSSocket) || !socket.authorized) return {};
  const peer = socket.getPeerX509Certificate();
  if (peer === undefined) return {};
  const name = /^CN=(.*)$/m.exec(peer.subject)?.[1] ?? "";
  return {
    User: name,
    UserAuthNMethod: "TLS",
    RequestPeerCertificates: [Buffer.from(peer.toString()).toString("base64")],
  };
}

function bodyOf(name: string, body: Buffer): Facts {
  return body.byteLength === 0 ? {} : { [name]: body.toString("base64") };
}
