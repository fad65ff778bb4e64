import type { Registry } from "#registry";
import type { ImagesContext } from "./context.ts";
import { Puller } from "./pull.ts";
import { pushImage } from "./push.ts";
import { parseJsonObject } from "./parse-config.ts";
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
      const { bytes, mediaType, digest } = await registry
        .repository(reference, auth, "pull")
        .manifest(reference.digest ?? reference.tag ?? "latest", signal);
      const parsed = parseJsonObject(bytes, "manifest");
      const manifests = Array.isArray(parsed["manifests"])
        ? (parsed["manifests"] as readonly { platform?: { architecture: string; os: string } }[])
        : [];
      return {
        descriptor: { mediaType, digest, size: bytes.length },
        platforms: manifests.flatMap(({ platform }) =>
          platform === undefined || platform.os === "unknown" ? [] : [platform],
        ),
      };
    },
  };
}
