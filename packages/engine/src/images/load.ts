import path from "node:path";
import { LongshoreError, MiB } from "#kernel";
import { plainBytes, withoutRareCompression } from "#layers";
import { type Digest, familiar, hexOf, readTar } from "#spec";
import { configOf, imagesIn, type Members, type Wanted } from "./archive-images.ts";
import type { ImagesContext } from "./context.ts";
import type { Images, OnProgress } from "./contract.ts";
import { Drafts } from "./drafts.ts";
import { chainOf } from "./image-book.ts";
import { headOf } from "./read-all.ts";

const MAX_MEMBERS = 10_000;
/** A thread for a smaller layer costs more than reading it twice. */
const MIN_DRAFT_BYTES = MiB;
const HEAD_BYTES = 512;
const TAR_MAGIC_AT = 257;

/**
 * Reads a docker-archive or an OCI layout in one pass over a stream that cannot seek: every member is spooled as a blob by its digest,
 * then the manifest says what they mean. Nothing stays of an archive that is refused.
 */
export async function loadArchive(
  context: ImagesContext,
  source: AsyncIterable<Uint8Array>,
  onProgress: OnProgress,
  options: Parameters<Images["load"]>[1],
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const spooled = new Set<Digest>();
  using holds = new DisposableStack();
  await using drafts = new Drafts();
  try {
    const members = await spool(context, source, spooled, holds, drafts, signal);
    const wanted = await imagesIn(context, members, options.platform, signal);
    const ids: Digest[] = [];
    for (const image of wanted)
      ids.push(await install(context, image, drafts, onProgress, options.isQuiet ?? false, signal));
    return ids;
  } finally {
    await drafts[Symbol.asyncDispose]();
    holds.dispose();
    await context.sweepBlobs(spooled);
  }
}

async function spool(
  context: ImagesContext,
  source: AsyncIterable<Uint8Array>,
  spooled: Set<Digest>,
  holds: DisposableStack,
  drafts: Drafts,
  signal: AbortSignal,
): Promise<Members> {
  const members = new Map<string, Digest>();
  const links = new Map<string, string>();
  const { blobs } = context.layers;
  const known = new Set(
    [...context.layers.list()].map(({ blob }) => (blob === undefined ? "" : hexOf(blob.digest))),
  );
  for await (const { entry, content } of readTar(
    plainBytes(withoutRareCompression(source, signal), signal),
  )) {
    const name = path.posix.normalize(`/${entry.name}`).slice(1);
    if (members.size + links.size > MAX_MEMBERS)
      throw new LongshoreError("invalid", `invalid archive: more than ${MAX_MEMBERS} members`);
    if (entry.type === "symlink" || entry.type === "hardlink") {
      // Old docker save links equal layers: resolved inside the archive's own names only.
      const target =
        entry.type === "symlink" ? path.posix.join(path.posix.dirname(name), entry.linkName) : entry.linkName;
      links.set(name, path.posix.normalize(`/${target}`).slice(1));
      continue;
    }
    if (entry.type !== "file") continue;
    const isKnown = known.has(path.posix.basename(name)) || entry.sizeBytes < MIN_DRAFT_BYTES;
    const { head, whole } = await peek(content);
    const digest =
      !isKnown && head.toString("latin1", TAR_MAGIC_AT, TAR_MAGIC_AT + 5) === "ustar"
        ? await drafts.receive(context.layers, whole, holds, signal)
        : (await blobs.write(withoutRareCompression(whole, signal), undefined, signal, holds)).digest;
    spooled.add(digest);
    members.set(name, digest);
  }
  await drafts.settle();
  for (const [name, target] of links) {
    const digest = members.get(target);
    if (digest !== undefined) members.set(name, digest);
  }
  return members;
}

/** The first bytes, and all of them again. */
async function peek(content: AsyncIterable<Buffer>): Promise<{ head: Buffer; whole: AsyncIterable<Buffer> }> {
  const iterator = content[Symbol.asyncIterator]();
  const pieces: Buffer[] = [];
  for (let sizeBytes = 0; sizeBytes < HEAD_BYTES;) {
    const next = await iterator.next();
    if (next.done === true) break;
    pieces.push(next.value);
    sizeBytes += next.value.length;
  }
  const whole = async function* (): AsyncGenerator<Buffer> {
    yield* pieces;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  };
  return { head: Buffer.concat(pieces), whole: whole() };
}

async function install(
  context: ImagesContext,
  wanted: Wanted,
  drafts: Drafts,
  onProgress: OnProgress,
  isQuiet: boolean,
  signal: AbortSignal,
): Promise<Digest> {
  const { layers, book } = context;
  const config = await configOf(context, wanted, signal);
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== wanted.layers.length)
    throw new LongshoreError(
      "invalid",
      `invalid manifest, layers length mismatch: expected ${wanted.layers.length}, got ${diffIds.length}`,
    );
  const chain = chainOf(config);
  using holds = new DisposableStack();
  for (const chainId of chain) holds.use(layers.hold(chainId));
  let before: readonly (Digest | undefined)[];
  try {
    for (const [index, blob] of wanted.layers.entries()) {
      const [chainId, diffId] = [chain[index], diffIds[index]];
      if (chainId === undefined || diffId === undefined || layers.layer(chainId) !== undefined) continue;
      const size = (await layers.blobs.sizeBytes(blob)) ?? 0;
      const mediaType = mediaTypeOf(await headOf(layers.blobs, blob, signal));
      const draft = drafts.take(blob);
      await layers.apply(
        chain[index - 1],
        layers.blobs.read(blob, signal),
        {
          expectedDiffId: diffId,
          blob: { digest: blob, sizeBytes: size, mediaType },
          ...(draft !== undefined && { draft }),
        },
        signal,
      );
      const progressDetail = { current: size, total: size };
      if (!isQuiet) onProgress({ status: "Loading layer", progressDetail, id: hexOf(diffId).slice(0, 12) });
    }
    const at = context.clock.now().toISOString();
    // In one turn, so in one transaction: an engine that dies leaves no image without its names.
    const added = book.add({ id: wanted.config, config });
    const named = wanted.names.map((reference) => book.name(reference, wanted.config, at));
    [before] = await Promise.all([Promise.all(named), added]);
  } catch (error) {
    holds.dispose();
    await context.sweepLayers(chain);
    throw error;
  }
  for (const [index, reference] of wanted.names.entries()) {
    const former = before[index];
    if (former !== undefined && former !== wanted.config)
      onProgress({
        stream: `The image ${familiar(reference)} already exists, renaming the old one with ID ${former} to empty string\n`,
      });
    onProgress({ stream: `Loaded image: ${familiar(reference)}\n` });
  }
  if (wanted.names.length === 0) onProgress({ stream: `Loaded image ID: ${wanted.config}\n` });
  context.publish(wanted.config, "load", wanted.config);
  return wanted.config;
}

/** Media type of a layer blob by its first bytes. */
export function mediaTypeOf(head: Uint8Array): string {
  if (head[0] === 0x1f && head[1] === 0x8b) return "application/vnd.oci.image.layer.v1.tar+gzip";
  if (head[0] === 0x28 && head[1] === 0xb5) return "application/vnd.oci.image.layer.v1.tar+zstd";
  return "application/vnd.oci.image.layer.v1.tar";
}
