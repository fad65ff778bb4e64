import { LongshoreError } from "#kernel";
import type { Platform } from "#spec";
import { object, optional, type Shape, text } from "./shape.ts";

const platformShape: Shape<Platform> = (value, path) => {
  const { os, architecture, variant } = object({
    os: text("linux"),
    architecture: text(""),
    variant: optional(text("")),
  })(value, path);
  return { os, architecture, ...(variant !== undefined && { variant }) };
};

const PART = /^[A-Za-z0-9_.-]+$/;

/** `linux/arm64/v8`, `arm64`, or the JSON form of an OCI platform; "" is undefined. Throws `invalid`. */
export function parsePlatform(words: string): Platform | undefined {
  if (words === "") return undefined;
  if (words.startsWith("{")) {
    let parsed: unknown;
    try {
      parsed = JSON.parse(words);
    } catch (error) {
      throw new LongshoreError("invalid", `invalid platform ${JSON.stringify(words)}: not JSON`, {
        cause: error,
      });
    }
    return platformShape(parsed, "platform");
  }
  const parts = words.split("/");
  if (parts.length > 3 || !parts.every((part) => PART.test(part)))
    throw new LongshoreError(
      "invalid",
      `${JSON.stringify(words)} is an invalid OS or architecture, want os/architecture[/variant]`,
    );
  const [first = "", second, variant] = parts;
  return {
    os: second === undefined ? "linux" : first,
    architecture: second ?? first,
    ...(variant !== undefined && { variant }),
  };
}
