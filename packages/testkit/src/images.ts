import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { tarOf, type TarEntry } from "./tar.ts";

/** What an image is made of: layers from the bottom up, and the part of the config that a test cares for. */
export interface ImageRecipe {
  readonly reference: string;
  readonly layers: readonly (readonly TarEntry[] | Buffer)[];
  readonly config?: Readonly<Record<string, unknown>>;
  readonly architecture?: string;
  /** The image's history, oldest first; without it each layer is called LAYER n. */
  readonly history?: readonly { readonly created_by: string; readonly empty_layer?: boolean }[];
}

const CREATED = "2026-01-01T00:00:00Z";
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

function parts(recipe: ImageRecipe): { layers: Buffer[]; config: Buffer } {
  const layers = recipe.layers.map((layer) => (Buffer.isBuffer(layer) ? layer : tarOf(layer)));
  const config = json({
    architecture: recipe.architecture ?? (process.arch === "arm64" ? "arm64" : "amd64"),
    os: "linux",
    created: CREATED,
    config: recipe.config ?? {},
    rootfs: { type: "layers", diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    history: (recipe.history ?? layers.map((_, index) => ({ created_by: `LAYER ${index + 1}` }))).map(
      (step) => ({ created: CREATED, ...step }),
    ),
  });
  return { layers, config };
}

/** The image's id, as every engine must show it. */
export function imageIdOf(recipe: ImageRecipe): string {
  return `sha256:${sha256(parts(recipe).config)}`;
}

/** A tar as `docker save` writes it: manifest.json, configs and layers. */
export function dockerArchive(...recipes: readonly ImageRecipe[]): Buffer {
  const entries = new Map<string, Buffer>();
  const manifest = recipes.map((recipe) => {
    const { layers, config } = parts(recipe);
    entries.set(`${sha256(config)}.json`, config);
    const names = layers.map((layer) => {
      const name = `${sha256(layer)}/layer.tar`;
      entries.set(name, layer);
      return name;
    });
    return { Config: `${sha256(config)}.json`, RepoTags: [recipe.reference], Layers: names };
  });
  return tarOf([
    ...[...entries].map(([name, data]) => ({ name, data })),
    { name: "manifest.json", data: json(manifest) },
  ]);
}

/** What an OCI layout may be told to get wrong. */
export interface LayoutFault {
  /** The first layer's blob ends early; "flip" changes one of its bytes, so that its digest is wrong. */
  readonly firstLayer?: "truncate" | "flip" | "omit";
}

/** A tar of an OCI image layout with gzip layers; several recipes make a multi-arch index under the first one's name. */
export function ociLayout(recipes: readonly ImageRecipe[], fault: LayoutFault = {}): Buffer {
  const blobs = new Map<string, Buffer>();
  const put = (data: Buffer, mediaType: string): { mediaType: string; digest: string; size: number } => {
    blobs.set(sha256(data), data);
    return { mediaType, digest: `sha256:${sha256(data)}`, size: data.length };
  };
  const manifests = recipes.map((recipe) => {
    const { layers, config } = parts(recipe);
    const manifest = {
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: put(config, "application/vnd.oci.image.config.v1+json"),
      layers: layers.map((layer) => put(gzipSync(layer), "application/vnd.oci.image.layer.v1.tar+gzip")),
    };
    spoil(blobs, manifest.layers[0]?.digest, fault);
    const platform = { architecture: recipe.architecture ?? "amd64", os: "linux" };
    return { ...put(json(manifest), manifest.mediaType), platform };
  });
  const name = recipes[0]?.reference ?? "";
  const annotations = {
    "io.containerd.image.name": name,
    "org.opencontainers.image.ref.name": name.split(":")[1] ?? "latest",
  };
  const indexType = "application/vnd.oci.image.index.v1+json";
  const top =
    manifests.length === 1
      ? { ...manifests[0], annotations }
      : { ...put(json({ schemaVersion: 2, mediaType: indexType, manifests }), indexType), annotations };
  return tarOf([
    { name: "oci-layout", data: json({ imageLayoutVersion: "1.0.0" }) },
    { name: "index.json", data: json({ schemaVersion: 2, mediaType: indexType, manifests: [top] }) },
    ...[...blobs].map(([hex, data]) => ({ name: `blobs/sha256/${hex}`, data })),
  ]);
}

function spoil(blobs: Map<string, Buffer>, digest: string | undefined, fault: LayoutFault): void {
  const hex = digest?.replace("sha256:", "") ?? "";
  const blob = blobs.get(hex);
  if (!blob || !fault.firstLayer) return;
  if (fault.firstLayer === "omit") blobs.delete(hex);
  else if (fault.firstLayer === "truncate") blobs.set(hex, blob.subarray(0, Math.floor(blob.length / 2)));
  else {
    const flipped = Buffer.from(blob);
    const at = Math.floor(flipped.length / 2);
    flipped.writeUInt8(flipped.readUInt8(at) ^ 0xff, at);
    blobs.set(hex, flipped);
  }
}
