import type { Images, OnProgress, RegistryAuth } from "./contract.ts";
import type { Reference } from "#spec";

/** Everything that goes to or comes from a registry. */
export interface Transfer {
  pull(
    reference: Reference,
    options: Parameters<Images["pull"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
  push(
    name: string,
    options: Parameters<Images["push"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void>;
  login(auth: RegistryAuth, signal: AbortSignal): Promise<{ identityToken: string; status: string }>;
  search: Images["search"];
  distribution(
    reference: Reference,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): ReturnType<Images["distribution"]>;
}
