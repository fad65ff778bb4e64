import { LongshoreError } from "#kernel";
import { type Descriptor, type Digest, isDigest, type Manifest, type Platform } from "#spec";
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
    ...(typeof platform === "object" && platform !== null && { platform: platform as Platform }),
    ...(typeof annotations === "object" &&
      annotations !== null && { annotations: annotations as Readonly<Record<string, string>> }),
  };
}

/** The entry for `platform`: exact variant first, then any; attestations are skipped. Throws `not_found` in Docker's words. */
export function choosePlatform(manifests: readonly Descriptor[], platform: Platform, name: string): Digest {
  const real = manifests.filter(
    (entry) =>
      entry.annotations?.["vnd.docker.reference.type"] === undefined && entry.platform?.os !== "unknown",
  );
  const fits = real.filter(
    (entry) =>
      (entry.platform?.os ?? "linux") === platform.os &&
      (entry.platform?.architecture ?? platform.architecture) === platform.architecture,
  );
  const exact =
    platform.variant === undefined
      ? undefined
      : fits.find((entry) => entry.platform?.variant === platform.variant);
  const chosen =
    exact ??
    (platform.variant === undefined ? fits[0] : fits.find((entry) => entry.platform?.variant === undefined));
  if (chosen === undefined)
    throw new LongshoreError(
      "not_found",
      `no matching manifest for ${platform.os}/${platform.architecture}${platform.variant === undefined ? "" : `/${platform.variant}`} in the manifest list entries of ${name}`,
    );
  return chosen.digest;
}
