import path from "node:path";
import { LongshoreError, MiB } from "#kernel";
import { plainBytes } from "#layers";
import {
  type Digest,
  familiar,
  hexOf,
  isDigest,
  parseReference,
  readTar,
  type Reference,
  withDefaultTag,
} from "#spec";
import type { ImagesContext } from "./context.ts";
import type { OnProgress } from "./contract.ts";
import { Drafts } from "./drafts.ts";
import { chainOf } from "./image-book.ts";
import { MAX_CONFIG_BYTES, parseImageConfig, parseJsonObject } from "./parse-config.ts";
import { headOf, readAll } from "./read-all.ts";

const MAX_MEMBERS = 10_000;
/** A thread for a smaller layer costs more than reading it twice. */
const MIN_DRAFT_BYTES = MiB;
const HEAD_BYTES = 512;
const TAR_MAGIC_AT = 257;
const MAX_DOCUMENT_BYTES = 4 * MiB;

/** One image of an archive: where its config and layers are, by digest of the spooled bytes. */
interface Wanted {
  readonly config: Digest;
  readonly layers: readonly Digest[];
  readonly names: readonly Reference[];
}

/** Members of the archive by name, as blobs. Small documents are read from there again. */
type Members = ReadonlyMap<string, Digest>;

/**
 * Reads a docker-archive or an OCI layout in one pass over a stream that cannot seek: every member is spooled as a blob by its digest,
 * then the manifest says what they mean. Nothing stays of an archive that is refused.
 */
export async function loadArchive(
  context: ImagesContext,
  source: AsyncIterable<Uint8Array>,
  onProgress: OnProgress,
  isQuiet: boolean,
  signal: AbortSignal,
): Promise<readonly Digest[]> {
  const spooled = new Set<Digest>();
  using holds = new DisposableStack();
  await using drafts = new Drafts();
  try {
    const members = await spool(context, source, spooled, holds, drafts, signal);
    const wanted = await readManifests(context, members, signal);
    if (wanted.length === 0)
      throw new LongshoreError(
        "invalid",
        "invalid archive: it names no images (no manifest.json and no index.json)",
      );
    const ids: Digest[] = [];
    for (const image of wanted) ids.push(await install(context, image, drafts, onProgress, isQuiet, signal));
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
  for await (const { entry, content } of readTar(plainBytes(source, signal))) {
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
        : (await blobs.write(whole, undefined, signal, holds)).digest;
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

async function readManifests(
  context: ImagesContext,
  members: Members,
  signal: AbortSignal,
): Promise<readonly Wanted[]> {
  const document = async (name: string): Promise<unknown> => {
    const digest = members.get(name);
    if (digest === undefined) return undefined;
    const bytes = await small(context, digest, name, MAX_DOCUMENT_BYTES, signal);
    try {
      return JSON.parse(bytes.toString("utf8")) as unknown;
    } catch (error) {
      throw new LongshoreError("invalid", `invalid archive: ${name} is not JSON`, { cause: error });
    }
  };
  const need = (name: unknown, what: string): Digest => {
    const digest =
      typeof name === "string" ? members.get(path.posix.normalize(`/${name}`).slice(1)) : undefined;
    if (digest === undefined)
      throw new LongshoreError("invalid", `invalid archive: ${what} ${JSON.stringify(name)} is missing`);
    return digest;
  };
  const manifest = await document("manifest.json");
  if (Array.isArray(manifest)) {
    return manifest.map((item: unknown): Wanted => {
      const { Config, Layers, RepoTags } = (typeof item === "object" && item !== null ? item : {}) as {
        Config?: unknown;
        Layers?: unknown;
        RepoTags?: unknown;
      };
      if (!Array.isArray(Layers))
        throw new LongshoreError("invalid", "invalid archive: manifest.json has an image without Layers");
      const tags = Array.isArray(RepoTags)
        ? RepoTags.filter((tag): tag is string => typeof tag === "string")
        : [];
      return {
        config: need(Config, "config"),
        layers: Layers.map((name) => need(name, "layer")),
        names: tags.map((tag) => withDefaultTag(parseReference(tag))),
      };
    });
  }
  const index = await document("index.json");
  if (typeof index !== "object" || index === null) return [];
  return await fromIndex(
    index as OciIndex,
    (digest) => need(`blobs/sha256/${hexOf(digest)}`, "blob"),
    context,
    signal,
  );
}

interface OciIndex {
  readonly manifests?: readonly {
    readonly digest?: string;
    readonly mediaType?: string;
    readonly platform?: { readonly architecture?: string; readonly os?: string };
    readonly annotations?: Readonly<Record<string, string>>;
  }[];
}

/** Manifests of an OCI layout that fit this machine; nested indexes are followed once. Source: OCI image layout. */
async function fromIndex(
  index: OciIndex,
  need: (digest: Digest) => Digest,
  context: ImagesContext,
  signal: AbortSignal,
  inherited: readonly Reference[] = [],
  depth = 0,
): Promise<readonly Wanted[]> {
  if (depth > 3) throw new LongshoreError("invalid", "invalid archive: indexes are nested too deep");
  const wanted: Wanted[] = [];
  for (const entry of index.manifests ?? []) {
    if (entry.digest === undefined || !isDigest(entry.digest))
      throw new LongshoreError(
        "invalid",
        `invalid archive: index entry has digest ${JSON.stringify(entry.digest)}`,
      );
    if (entry.annotations?.["vnd.docker.reference.type"] !== undefined || entry.platform?.os === "unknown")
      continue;
    const { platform } = entry;
    if (platform?.architecture !== undefined && platform.architecture !== context.architecture) continue;
    const bytes = await small(context, need(entry.digest), entry.digest, MAX_DOCUMENT_BYTES, signal);
    const parsed = parseJsonObject(bytes, `manifest ${entry.digest}`);
    const names = [...inherited, ...namesIn(entry.annotations ?? {})];
    if (Array.isArray(parsed["manifests"])) {
      wanted.push(...(await fromIndex(parsed as OciIndex, need, context, signal, names, depth + 1)));
      continue;
    }
    const { config, layers } = parsed as {
      config?: { digest?: string };
      layers?: readonly { digest?: string }[];
    };
    if (config?.digest === undefined || !isDigest(config.digest) || !Array.isArray(layers))
      throw new LongshoreError(
        "invalid",
        `invalid archive: manifest ${entry.digest} has no config or layers`,
      );
    wanted.push({
      config: need(config.digest),
      layers: layers.map((layer: { digest?: string }) => {
        if (layer.digest === undefined || !isDigest(layer.digest))
          throw new LongshoreError(
            "invalid",
            `invalid archive: manifest ${entry.digest ?? ""} has a layer without digest`,
          );
        return need(layer.digest);
      }),
      names,
    });
  }
  return wanted;
}

function namesIn(annotations: Readonly<Record<string, string>>): readonly Reference[] {
  const name = annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"];
  if (name === undefined || !/[/:]/.test(name)) return [];
  return [withDefaultTag(parseReference(name))];
}

async function small(
  context: ImagesContext,
  digest: Digest,
  name: string,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Buffer> {
  const size = await context.layers.blobs.sizeBytes(digest);
  if (size === undefined || size > limitBytes)
    throw new LongshoreError(
      "invalid",
      `invalid archive: ${name} is ${size === undefined ? "missing" : `larger than ${limitBytes} bytes`}`,
    );
  return await readAll(context.layers.blobs, digest, signal);
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
  const config = parseImageConfig(
    await small(context, wanted.config, "config", MAX_CONFIG_BYTES, signal),
    wanted.config,
  );
  const diffIds = config.rootfs.diff_ids;
  if (diffIds.length !== wanted.layers.length)
    throw new LongshoreError(
      "invalid",
      `invalid archive: image ${wanted.config} has ${wanted.layers.length} layers, its config names ${diffIds.length}`,
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
