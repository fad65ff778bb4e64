import type { IncomingMessage } from "node:http";
import { LongshoreError, MiB, readAtMost } from "#kernel";

const LIMIT_BYTES = 8 * MiB;

/** The JSON body as an object; an empty body is `{}`. Throws `invalid` for other content types, bad JSON and trailing content. */
export function parseJsonBody(
  bytes: Buffer,
  contentType: string | undefined,
): Readonly<Record<string, unknown>> {
  if (bytes.length === 0) return {};
  const media = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  if (media !== "application/json")
    throw new LongshoreError(
      "invalid",
      `unsupported Content-Type header (${contentType ?? "none"}): must be 'application/json'`,
    );
  let parsed: unknown;
  try {
    parsed = JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    throw new LongshoreError(
      "invalid",
      `invalid JSON: ${error instanceof Error ? error.message : "cannot be parsed"}`,
      { cause: error },
    );
  }
  if (parsed === null) return {};
  if (typeof parsed !== "object" || Array.isArray(parsed))
    throw new LongshoreError("invalid", "invalid JSON: got an array or a bare value, want an object");
  return parsed as Readonly<Record<string, unknown>>;
}

export async function readJsonBody(request: IncomingMessage): Promise<Readonly<Record<string, unknown>>> {
  return parseJsonBody(
    await readAtMost(request, LIMIT_BYTES, "request body"),
    request.headers["content-type"],
  );
}
