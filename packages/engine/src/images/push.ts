import { createReadStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { createGzip } from "node:zlib";
import { LongshoreError } from "#kernel";
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

const MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json";
const CONFIG_TYPE = "application/vnd.docker.container.image.v1+json";
/** Progress lines are at least this far apart. */
const PROGRESS_STEP_BYTES = 512 * 1024;
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
  const layers = new Map<Digest, Descriptor>();
  for (const chainId of chain)
    onProgress({ status: "Preparing", progressDetail: {}, id: shortOf(context, chainId) });
  for (const chainId of chain)
    layers.set(chainId, await pushLayer(context, remote, chainId, onProgress, signal));
  const config = await readFile(context.layers.blobs.path(image.id));
  if (!(await remote.hasBlob(image.id, signal)))
    await remote.pushBlob(image.id, config.length, () => Readable.from([config]), signal);
  const manifest = Buffer.from(
    JSON.stringify(
      {
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: { mediaType: CONFIG_TYPE, size: config.length, digest: image.id },
        layers: image.chain.map((chainId) => layers.get(chainId)),
      },
      undefined,
      3,
    ),
  );
  const tag = reference.tag ?? "latest";
  const digest = await remote.pushManifest(tag, manifest, MANIFEST_TYPE, signal);
  await context.book.name(
    { domain: reference.domain, path: reference.path, digest },
    image.id,
    context.clock.now().toISOString(),
  );
  onProgress({ status: `${tag}: digest: ${digest} size: ${manifest.length}` });
  onProgress({ aux: { Tag: tag, Digest: digest, Size: manifest.length } });
  context.publish(image.id, "push", familiar(reference));
}

async function pushLayer(
  context: ImagesContext,
  remote: Repository,
  chainId: Digest,
  onProgress: OnProgress,
  signal: AbortSignal,
): Promise<Descriptor> {
  const id = shortOf(context, chainId);
  const blob = context.layers.layer(chainId)?.blob;
  if (blob === undefined) throw new LongshoreError("internal", `layer ${chainId} has no archive to push`);
  const compressed = /gzip|zstd/.test(blob.mediaType)
    ? {
        digest: blob.digest,
        sizeBytes: blob.sizeBytes,
        file: context.layers.blobs.path(blob.digest),
        isDraft: false,
      }
    : await compress(context, blob.digest, signal);
  try {
    const descriptor: Descriptor = {
      mediaType: blob.mediaType.includes("zstd") ? blob.mediaType : LAYER_TYPE,
      size: compressed.sizeBytes,
      digest: compressed.digest,
    };
    if (await remote.hasBlob(compressed.digest, signal)) {
      onProgress({ status: "Layer already exists", progressDetail: {}, id });
      return descriptor;
    }
    for (const source of sameRegistry(context, chainId)) {
      if (!(await remote.mountBlob(compressed.digest, source, signal))) continue;
      onProgress({ status: `Mounted from ${source}`, progressDetail: {}, id });
      return descriptor;
    }
    const open = (): AsyncIterable<Uint8Array> => {
      let last = 0;
      return counted(createReadStream(compressed.file, { highWaterMark: 1024 * 1024 }), (current) => {
        if (current - last < PROGRESS_STEP_BYTES) return;
        last = current;
        onProgress({ status: "Pushing", progressDetail: { current, total: compressed.sizeBytes }, id });
      });
    };
    await remote.pushBlob(compressed.digest, compressed.sizeBytes, open, signal);
    onProgress({ status: "Pushed", progressDetail: {}, id });
    return descriptor;
  } finally {
    if (compressed.isDraft) await rm(compressed.file, { force: true });
  }
}

/** Gzips a plain layer as a blob of its own for the time of the push. */
async function compress(
  context: ImagesContext,
  digest: Digest,
  signal: AbortSignal,
): Promise<{ digest: Digest; sizeBytes: number; file: string; isDraft: boolean }> {
  const { blobs } = context.layers;
  const packed = Readable.from(blobs.read(digest, signal), { objectMode: false }).pipe(
    createGzip({ level: 6, chunkSize: 1024 * 1024 }),
  );
  const made = await blobs.write(packed, undefined, signal);
  return { ...made, file: path.normalize(blobs.path(made.digest)), isDraft: true };
}

/** Repositories on the same registry that are known to hold this layer: the image's other names. */
function sameRegistry(context: ImagesContext, chainId: Digest): readonly string[] {
  const found = new Set<string>();
  for (const image of context.book.list()) {
    if (!image.chain.includes(chainId)) continue;
    for (const digest of image.repoDigests) found.add(parseReference(digest).path);
  }
  return [...found].slice(0, 3);
}

const shortOf = (context: ImagesContext, chainId: Digest): string =>
  hexOf(context.layers.layer(chainId)?.diffId ?? chainId).slice(0, 12);
