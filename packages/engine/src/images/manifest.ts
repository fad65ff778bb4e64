import { LongshoreError } from "#kernel";
import {
  type Descriptor,
  type Digest,
  isDigest,
  type Manifest,
  type Platform,
  platformText,
  rankOf,
  runnable,
} from "#spec";
import { parseJsonObject } from "./parse-config.ts";

const MAX_LAYERS = 500;

/** What a manifest's bytes are: one image, or a list of them by platform. */
export type ParsedManifest =
  | { readonly kind: "image"; readonly manifest: Manifest }
  | { readonly kind: "index"; readonly manifests: readonly Descriptor[] };

/** Parses a manifest or index from hostile bytes. Throws `invalid`, `unsupported` for schema 1. Source: OCI image spec, Docker schema 2. */
export function parseManifest(bytes: Uint8Array, name: string): ParsedManifest {
  const parsed = parseJsonObject(bytes, `manifest of ${name}`);
  if (parsed["schemaVersion"] !== 2)
    throw new LongshoreError(
      "unsupported",
      `manifest of ${name} has schema version ${JSON.stringify(parsed["schemaVersion"])}, only 2 is supported`,
    );
  if (Array.isArray(parsed["manifests"]))
    return {
      kind: "index",
      manifests: parsed["manifests"].map((entry, at) => descriptor(entry, `manifests[${at}]`, name)),
    };
  const layers: unknown = parsed["layers"];
  if (!Array.isArray(layers) || layers.length > MAX_LAYERS)
    throw new LongshoreError("invalid", `manifest of ${name} has no list of at most ${MAX_LAYERS} layers`);
  return {
    kind: "image",
    manifest: {
      schemaVersion: 2,
      config: descriptor(parsed["config"], "config", name),
      layers: layers.map((entry, at) => descriptor(entry, `layers[${at}]`, name)),
    },
  };
}

function descriptor(value: unknown, where: string, name: string): Descriptor {
  const { digest, size, mediaType, platform, annotations } = (
    typeof value === "object" && value !== null ? value : {}
  ) as Record<string, unknown>;
  if (typeof digest !== "string" || !isDigest(digest))
    throw new LongshoreError("invalid", `manifest of ${name}: ${where}.digest is not a sha256 digest`);
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0)
    throw new LongshoreError("invalid", `manifest of ${name}: ${where}.size is not a size`);
  return {
    digest,
    size,
    mediaType: typeof mediaType === "string" ? mediaType : "",
    ...(isPlatform(platform) && { platform }),
    ...(typeof annotations === "object" &&
      annotations !== null && { annotations: annotations as Readonly<Record<string, string>> }),
  };
}

function isPlatform(value: unknown): value is Platform {
  if (typeof value !== "object" || value === null) return false;
  const { os, architecture, variant } = value as Record<string, unknown>;
  return (
    typeof os === "string" &&
    typeof architecture === "string" &&
    (variant === undefined || typeof variant === "string")
  );
}

/** What an index holds beside its images. */
export const isAttestation = ({ annotations, platform }: Descriptor): boolean =>
  annotations?.["vnd.docker.reference.type"] !== undefined || platform?.os === "unknown";

/** The entry that suits `platform` best, in containerd's order; one that names no platform comes last. Empty when none does. */
export function bestFor(
  manifests: readonly Descriptor[],
  platform: Platform,
): readonly [] | readonly [Descriptor] {
  const order = runnable(platform);
  let best: { readonly entry: Descriptor; readonly rank: number } | undefined;
  for (const entry of manifests) {
    if (isAttestation(entry)) continue;
    const rank = entry.platform === undefined ? order.length : rankOf(entry.platform, order);
    if (rank >= 0 && (best === undefined || rank < best.rank)) best = { entry, rank };
  }
  return best === undefined ? [] : [best.entry];
}

/** What bestFor() finds. Throws `not_found` in Docker's words. */
export function choosePlatform(manifests: readonly Descriptor[], platform: Platform): Digest {
  const [best] = bestFor(manifests, platform);
  if (best === undefined)
    throw new LongshoreError(
      "not_found",
      `no matching manifest for ${platformText(platform)} in the manifest list entries`,
    );
  return best.digest;
}

/** Config types that mean an image; old registries leave them out or get them wrong. */
export const IMAGE_CONFIG_TYPES: ReadonlySet<string> = new Set([
  "",
  "application/octet-stream",
  "application/vnd.docker.container.image.v1+json",
  "application/vnd.oci.image.config.v1+json",
  "text/html",
]);

/** Throws `unsupported` for layers that lie elsewhere and for what is no image: charts, plugins, other artifacts. */
export function refuseForeign(manifest: Manifest, name: string): void {
  const { mediaType } = manifest.config;
  if (!IMAGE_CONFIG_TYPES.has(mediaType))
    throw new LongshoreError(
      "unsupported",
      `Encountered remote ${JSON.stringify(mediaType)}(${mediaType.includes(".docker.plugin.") ? "plugin" : "unknown"}) when fetching`,
    );
  for (const layer of manifest.layers)
    if (/\.foreign\.|\.nondistributable\./.test(layer.mediaType))
      throw new LongshoreError(
        "unsupported",
        `layer ${layer.digest} of ${name} is a foreign layer (${layer.mediaType}): its content is not in the registry`,
      );
}
