import { once } from "node:events";
import { type IncomingMessage, request as httpRequest, type RequestOptions } from "node:http";
import { LongshoreError, MiB, readAtMost } from "#kernel";
import type { PluginAddress } from "./discovery.ts";

const MEDIA_TYPE = "application/vnd.docker.plugins.v1.2+json";
/** dockerd's limit for a plugin's answer. */
const ANSWER_LIMIT_MS = 30_000;
const ANSWER_LIMIT_BYTES = MiB;

/** Calls `method` of a plugin with `body` as JSON. Throws when it can't be reached, answers an error or anything but an object. */
export async function callPlugin(
  address: PluginAddress,
  method: string,
  body: object,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const limited = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)]);
  const text = JSON.stringify(body);
  const options: RequestOptions = {
    ...address.connect,
    // A plugin may be replaced at any time: no connection outlives its call.
    agent: false,
    method: "POST",
    path: `/${method}`,
    headers: { Accept: MEDIA_TYPE, "Content-Type": MEDIA_TYPE, "Content-Length": Buffer.byteLength(text) },
    signal: limited,
  };
  const { tls } = address;
  const sent =
    tls === undefined
      ? httpRequest(options)
      : process.getBuiltinModule("node:https").request({
          ...options,
          ca: tls.ca,
          cert: tls.cert,
          key: tls.key,
          rejectUnauthorized: !tls.isUnverified,
        });
  sent.end(text);
  const [response] = (await once(sent, "response", { signal: limited })) as [IncomingMessage];
  const answer = (await readAtMost(response, ANSWER_LIMIT_BYTES, "plugin's answer")).toString("utf8");
  if (response.statusCode !== 200)
    throw new Error(`${method}: status ${response.statusCode}: ${answer.trim()}`);
  const parsed: unknown = JSON.parse(answer);
  if (typeof parsed !== "object" || parsed === null)
    throw new Error(`${method}: got ${answer.trim()}, want a JSON object`);
  return parsed as Readonly<Record<string, unknown>>;
}

/** The plugin's handshake. Throws `unavailable` when it does not implement `kind`. */
export async function activatePlugin(
  address: PluginAddress,
  kind: string,
  signal: AbortSignal,
): Promise<void> {
  const { Implements } = await callPlugin(address, "Plugin.Activate", {}, signal);
  if (!Array.isArray(Implements) || !Implements.includes(kind))
    throw new LongshoreError(
      "unavailable",
      `plugin "${address.name}" implements ${JSON.stringify(Implements ?? [])}, want "${kind}" among them`,
    );
}
