import { LongshoreError, readAtMost } from "#kernel";
import type { Registry, Repository } from "#registry";
import { type Descriptor, digestOf, familiar, type Platform } from "#spec";
import type { ImagesContext } from "./context.ts";
import { Puller } from "./pull.ts";
import { pushImage } from "./push.ts";
import { IMAGE_CONFIG_TYPES, parseManifest } from "./manifest.ts";
import { MAX_CONFIG_BYTES, parseJsonObject } from "./parse-config.ts";
import type { Transfer } from "./transfer.ts";

/** Pull, push, login and look-ups through the registry room. */
export function openTransfer(context: ImagesContext, registry: Registry): Transfer {
  const puller = new Puller(context, registry);
  return {
    pull: (reference, options, onProgress, signal) => puller.pull(reference, options, onProgress, signal),
    push: (name, options, onProgress, signal) =>
      pushImage(context, registry, name, options, onProgress, signal),
    login: (auth, signal) => registry.login(auth, signal),
    search: (term, limit, auth, signal) => registry.search(term, limit, auth, signal),
    distribution: async (reference, auth, signal) => {
      const repository = registry.repository(reference, auth, "inspect");
      const { bytes, mediaType, digest } = await repository.manifest(
        reference.digest ?? reference.tag ?? "latest",
        signal,
      );
      const name = familiar(reference);
      const parsed = parseManifest(bytes, name);
      const platforms =
        parsed.kind === "index"
          ? parsed.manifests.flatMap(({ platform }) =>
              platform === undefined || platform.os === "unknown" ? [] : [platform],
            )
          : await platformsOf(repository, parsed.manifest.config, signal);
      return { descriptor: { mediaType, digest, size: bytes.length }, platforms };
    },
  };
}

/** A lone image says in its config what it runs on; what is no image says nothing. */
async function platformsOf(
  repository: Repository,
  config: Descriptor,
  signal: AbortSignal,
): Promise<readonly Platform[]> {
  if (!IMAGE_CONFIG_TYPES.has(config.mediaType)) return [];
  const bytes = await readAtMost(
    repository.blob(config.digest, config.size, 0, signal),
    MAX_CONFIG_BYTES,
    `image config ${config.digest}`,
  );
  const found = digestOf(bytes);
  if (found !== config.digest)
    throw new LongshoreError("invalid", `image config has digest ${found}, want ${config.digest}`);
  const { architecture, os, variant } = parseJsonObject(bytes, "image config");
  if (typeof architecture !== "string" || typeof os !== "string") return [];
  return [{ architecture, os, ...(typeof variant === "string" && variant !== "" && { variant }) }];
}
