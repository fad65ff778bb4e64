/** Credentials ready to send, as dockerode takes them: base64 of the JSON object. */
interface Encoded {
  readonly key?: string;
  readonly base64?: string;
}

/** The header in which Docker carries registry credentials: URL-safe base64 of a JSON object. */
export function registryAuth(credentials: object): Record<string, string> {
  const { key, base64 } = credentials as Encoded;
  return {
    "X-Registry-Auth": key ?? base64 ?? Buffer.from(JSON.stringify(credentials)).toString("base64url"),
  };
}

/** The header in which a build carries the credentials of several registries: base64 of `{ "host": {...} }`. */
export function registryConfig(config: object): Record<string, string> {
  const { base64 } = config as Encoded;
  return { "X-Registry-Config": base64 ?? Buffer.from(JSON.stringify(config)).toString("base64") };
}
