import { pipeline, Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { LongshoreError, MiB } from "#kernel";
import type { LayerRecord } from "#layers";
import type { Registry, Repository } from "#registry";
import {
  type Descriptor,
  type Digest,
  familiar,
  familiarName,
  hexOf,
  parseReference,
  type Reference,
} from "#spec";
import type { ImagesContext } from "./context.ts";
import { counted } from "./counted.ts";
import type { Image, Images, OnProgress } from "./contract.ts";
import { Gate } from "./gate.ts";
import { parseManifest } from "./manifest.ts";
import { readAll } from "./read-all.ts";

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE = "application/vnd.docker.container.image.v1+json";
/** Progress lines of a layer are at least this far apart, as dockerd's. */
const PROGRESS_STEP_BYTES = 512 * 1024;
const PROGRESS_STEP_MS = 100;
const OCI_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const OCI_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip";
const OCI_ZSTD_TYPE = "application/vnd.oci.image.layer.v1.tar+zstd";
/** Layers compressed and uploaded at once, as dockerd has it. */
const PARALLEL = 5;
const MAX_MOUNTS = 3;
const LAYER_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip";

/** Pushes one tag or, without one, every tag of the repository. Layers that came compressed travel as those bytes. */
export async function pushImage(
  context: ImagesContext,
  registry: Registry,
  name: string,
  options: Parameters<Images["push"]>[1],
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const reference = parseReference(name);
  const repository = familiarName(reference);
  const tag = options.tag ?? reference.tag;
  const wanted = context.book
    .list()
    .flatMap((image) => image.repoTags.map((repoTag) => ({ image, reference: parseReference(repoTag) })))
    .filter(
      (entry) =>
        familiarName(entry.reference) === repository && (tag === undefined || entry.reference.tag === tag),
    );
  if (wanted.length === 0)
    throw new LongshoreError(
      "not_found",
      tag === undefined
        ? `An image does not exist locally with the tag: ${repository}`
        : `tag does not exist: ${repository}:${tag}`,
    );
  onProgress({ status: `The push refers to repository [${reference.domain}/${reference.path}]` });
  const remote = registry.repository(reference, options.auth, "push");
  for (const { image, reference: tagged } of wanted)
    await pushOne(context, remote, image, tagged, onProgress, signal);
}

async function pushOne(
  context: ImagesContext,
  remote: Repository,
  image: Image,
  reference: Reference,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<void> {
  const chain = [...image.chain].toReversed();
  const original = await originalOf(context, image, signal);
  for (const chainId of chain)
    onProgress({ status: "Preparing", progressDetail: {}, id: shortOf(context, chainId) });
  const gate = new Gate(PARALLEL);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  // An image may have the same layer twice: it travels once.
  const pushes = new Map<Digest, Promise<Descriptor>>();
  const pushed = chain.map((chainId) => {
    const blob = blobOf(context, chainId);
    const known = pushes.get(blob.digest);
    const push =
      known ??
      gate.run(() => {
        both.throwIfAborted();
        return pushLayer(context, remote, chainId, original !== undefined, onProgress, both);
      });
    pushes.set(blob.digest, push);
    return push;
  });
  const config = gate.run(() => pushConfig(context, remote, image, both));
  let layers: readonly Descriptor[];
  let configBytes: number;
  try {
    [layers, configBytes] = await Promise.all([Promise.all(pushed), config]);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled([...pushed, config]);
    throw error;
  }
  const manifest = original ?? manifestOf(image.id, configBytes, layers.toReversed());
  const tag = reference.tag ?? "latest";
  const digest = await remote.pushManifest(tag, manifest.bytes, manifest.mediaType, signal);
  await context.book.name(
    { domain: reference.domain, path: reference.path, digest },
    image.id,
    context.clock.now().toISOString(),
  );
  onProgress({ status: `${tag}: digest: ${digest} size: ${manifest.bytes.length}` });
  onProgress({ aux: { Tag: tag, Digest: digest, Size: manifest.bytes.length } });
  context.publish(image.id, "push", familiarName(reference), { actor: familiar(reference) });
}

/** Brings the config there; its size in bytes. */
async function pushConfig(
  context: ImagesContext,
  remote: Repository,
  { id }: Image,
  signal: AbortSignal,
): Promise<number> {
  signal.throwIfAborted();
  const config = await readAll(context.layers.blobs, id, signal);
  if (!(await remote.hasBlob(id, signal)))
    await remote.pushBlob(id, config.length, () => Readable.from([config]), signal);
  return config.length;
}

interface ManifestBytes {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

/** The manifest of the pull, as long as this engine still has the very layers that it names. */
async function originalOf(
  context: ImagesContext,
  image: Image,
  signal: AbortSignal,
): Promise<ManifestBytes | undefined> {
  const kept = context.book.record(image.id)?.manifest;
  if (kept === undefined || !(await context.layers.blobs.has(kept.digest))) return undefined;
  const bytes = await readAll(context.layers.blobs, kept.digest, signal);
  const parsed = parseManifest(bytes, image.id);
  if (parsed.kind !== "image") return undefined;
  const { layers } = parsed.manifest;
  const isSame =
    layers.length === image.chain.length &&
    image.chain.every((chainId, at) => context.layers.layer(chainId)?.blob?.digest === layers[at]?.digest);
  return isSame ? { bytes, mediaType: kept.mediaType } : undefined;
}

/** Docker's own kind of manifest, or OCI's when a layer is of a kind that Docker's has no name for. */
function manifestOf(id: Digest, configBytes: number, layers: readonly Descriptor[]): ManifestBytes {
  const isOci = layers.some(({ mediaType }) => mediaType.includes("zstd"));
  const mediaType = isOci ? OCI_MANIFEST_TYPE : MANIFEST_TYPE;
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: { mediaType: isOci ? OCI_CONFIG_TYPE : CONFIG_TYPE, size: configBytes, digest: id },
    layers: layers.map((layer) => ({
      ...layer,
      mediaType: !isOci ? LAYER_TYPE : layer.mediaType.includes("zstd") ? OCI_ZSTD_TYPE : OCI_LAYER_TYPE,
    })),
  };
  return { bytes: Buffer.from(JSON.stringify(manifest, undefined, 3)), mediaType };
}

function blobOf(context: ImagesContext, chainId: Digest): NonNullable<LayerRecord["blob"]> {
  const blob = context.layers.layer(chainId)?.blob;
  if (blob === undefined) throw new LongshoreError("internal", `layer ${chainId} has no archive to push`);
  return blob;
}

/** Brings one layer there; `isVerbatim` sends the bytes as they are, also plain ones. */
async function pushLayer(
  context: ImagesContext,
  remote: Repository,
  chainId: Digest,
  isVerbatim: boolean,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { blobs } = context.layers;
  const id = shortOf(context, chainId);
  const blob = blobOf(context, chainId);
  using holds = new DisposableStack();
  const isDraft = !isVerbatim && !/gzip|zstd/.test(blob.mediaType);
  const { digest, sizeBytes } = isDraft ? await compress(context, blob.digest, signal, holds) : blob;
  holds.use(blobs.hold(digest));
  try {
    const descriptor: Descriptor = {
      mediaType: isDraft ? LAYER_TYPE : blob.mediaType,
      size: sizeBytes,
      digest,
    };
    if (await remote.hasBlob(digest, signal)) {
      onProgress({ status: "Layer already exists", progressDetail: {}, id });
      return descriptor;
    }
    for (const source of sameRegistry(context, chainId, remote)) {
      if (!(await remote.mountBlob(digest, source, signal))) continue;
      onProgress({ status: `Mounted from ${source}`, progressDetail: {}, id });
      return descriptor;
    }
    const open = (fromByte: number): AsyncIterable<Uint8Array> => {
      let last = 0;
      let lastMs = Number.NEGATIVE_INFINITY;
      return counted(blobs.lend(digest, signal, fromByte), (done) => {
        const now = performance.now();
        if (done - last < PROGRESS_STEP_BYTES || now - lastMs < PROGRESS_STEP_MS) return;
        last = done;
        lastMs = now;
        onProgress({ status: "Pushing", progressDetail: { current: fromByte + done, total: sizeBytes }, id });
      });
    };
    await remote.pushBlob(digest, sizeBytes, open, signal);
    onProgress({ status: "Pushed", progressDetail: {}, id });
    return descriptor;
  } finally {
    holds.dispose();
    if (isDraft) await context.sweepBlobs(new Set([digest]));
  }
}

/** Gzips a plain layer as a blob of its own for the time of the push. */
async function compress(
  context: ImagesContext,
  digest: Digest,
  signal: AbortSignal,
  holds: DisposableStack,
): Promise<{ digest: Digest; sizeBytes: number }> {
  const { blobs } = context.layers;
  const gzip = createGzip({ level: 6, chunkSize: MiB });
  const plain = Readable.from(blobs.read(digest, signal), { objectMode: false });
  // What fails on the way ends the reading of `gzip` with the same error.
  const packed = pipeline(plain, gzip, () => {});
  return await blobs.write(packed, undefined, signal, holds);
}

/** Repositories on the same registry that are known to hold this layer: the names by digest of images that have it. */
function sameRegistry(context: ImagesContext, chainId: Digest, remote: Repository): readonly string[] {
  const found = new Set<string>();
  for (const image of context.book.list()) {
    if (!image.chain.includes(chainId)) continue;
    for (const name of image.repoDigests) {
      const { domain, path } = parseReference(name);
      if (domain === remote.domain && path !== remote.path) found.add(path);
    }
  }
  return [...found].slice(0, MAX_MOUNTS);
}

const shortOf = (context: ImagesContext, chainId: Digest): string =>
  hexOf(context.layers.layer(chainId)?.diffId ?? chainId).slice(0, 12);
