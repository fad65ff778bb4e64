import { DockerError } from "@longshore/client";
import type { BridgeError } from "@longshore/protocol";
import { BadArgument } from "./schema.ts";

/** What the window learns of a failure: the engine's words, never a stack. */
export function toBridgeError(error: unknown, signal?: AbortSignal): BridgeError {
  if (signal?.aborted === true) return { kind: "cancelled", message: "cancelled" };
  if (error instanceof BadArgument) return { kind: "invalid", message: error.message };
  if (error instanceof DockerError)
    return error.statusCode === 0
      ? { kind: "unreachable", message: error.reason }
      : { kind: "engine", message: error.reason, status: error.statusCode };
  if (error instanceof Error) return { kind: "internal", message: error.message };
  return { kind: "internal", message: String(error) };
}
