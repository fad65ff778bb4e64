import type { RegistryAuth } from "#images";
import type { Call } from "../server/call.ts";
import { object, optional, type Shape, text } from "./shape.ts";

export const authShape: Shape<RegistryAuth> = object({
  username: optional(text("")),
  password: optional(text("")),
  identitytoken: optional(text("")),
  registrytoken: optional(text("")),
  serveraddress: optional(text("")),
});

/** X-Registry-Auth: base64url of JSON; what cannot be decoded is no credentials. */
export function authOf(call: Pick<Call, "headers">): RegistryAuth | undefined {
  const header = call.headers["x-registry-auth"];
  if (typeof header !== "string" || header === "") return undefined;
  try {
    return authShape(JSON.parse(Buffer.from(header, "base64url").toString("utf8")), "X-Registry-Auth");
  } catch {
    return undefined;
  }
}
