import path from "node:path";
import { LongshoreError, MiB } from "#kernel";
import {
  type Descriptor,
  type Digest,
  hexOf,
  HOST_PLATFORM,
  type ImageConfig,
  isRunnable,
  parseReference,
  type Platform,
  platformText,
  type Reference,
} from "#spec";
import type { ImagesContext } from "./context.ts";
import { bestFor, isAttestation, parseManifest } from "./manifest.ts";
import { MAX_CONFIG_BYTES, parseImageConfig, parseJsonObject } from "./parse-config.ts";
import { readAll } from "./read-all.ts";

/** Images of one archive: each costs a look at its config. */
const MAX_IMAGES = 1000;
const MAX_DOCUMENT_BYTES = 4 * MiB;
const MAX_DEPTH = 3;

/** One image of an archive: where its config and layers are, by digest of the spooled bytes. */
export interface Wanted {
  readonly config: Digest;
  readonly layers: readonly Digest[];
  readonly names: readonly Reference[];
}

/** Members of an archive by name, as blobs. Small documents are read from there again. */
export type Members = ReadonlyMap<string, Digest>;

const refuse = (why: string): LongshoreError => new LongshoreError("invalid", `invalid archive: ${why}`);

/**
 * What an archive's manifest.json names, or its index.json; of one platform where one is asked for. Throws `invalid` for what does not hold
 * together, `not_found` when nothing is left. Source: Docker image spec 1.2, OCI image layout.
 */
export async function imagesIn(
  context: ImagesContext,
  members: Members,
  platform: Platform | undefined,
  signal: AbortSignal,
): Promise<readonly Wanted[]> {
  const reader = new Reader(context, members, signal);
  const manifest = members.get("manifest.json");
  const index = members.get("index.json");
  if (manifest === undefined && index === undefined)
    throw refuse("it names no images (no manifest.json and no index.json)");
  const found =
    manifest === undefined
      ? await reader.layout(index, platform ?? HOST_PLATFORM, platform === undefined)
      : await reader.dockerArchive(manifest);
  if (platform === undefined) {
    if (found.length === 0) throw refuse("it names no images");
    return found;
  }
  const fitting: Wanted[] = [];
  for (const one of found) if (isRunnable(await configOf(context, one, signal), platform)) fitting.push(one);
  if (fitting.length === 0)
    throw new LongshoreError("not_found", `no image of platform ${platformText(platform)} in the archive`);
  return fitting;
}

export async function configOf(
  context: ImagesContext,
  { config }: Wanted,
  signal: AbortSignal,
): Promise<ImageConfig> {
  return parseImageConfig(await small(context, config, "config", MAX_CONFIG_BYTES, signal), config);
}

class Reader {
  readonly #context: ImagesContext;
  readonly #members: Members;
  readonly #signal: AbortSignal;

  constructor(context: ImagesContext, members: Members, signal: AbortSignal) {
    this.#context = context;
    this.#members = members;
    this.#signal = signal;
  }

  async dockerArchive(digest: Digest): Promise<readonly Wanted[]> {
    const bytes = await small(this.#context, digest, "manifest.json", MAX_DOCUMENT_BYTES, this.#signal);
    const { items } = parseJsonObject(Buffer.concat([START, bytes, END]), "manifest.json");
    if (!Array.isArray(items)) throw refuse("manifest.json is not a list");
    atMost(items.length);
    return items.map((item: unknown): Wanted => {
      const { Config, Layers, RepoTags } = (typeof item === "object" && item !== null ? item : {}) as {
        Config?: unknown;
        Layers?: unknown;
        RepoTags?: unknown;
      };
      if (!Array.isArray(Layers)) throw refuse("manifest.json has an image without Layers");
      const tags: unknown = RepoTags ?? [];
      if (!Array.isArray(tags)) throw refuse("RepoTags is not a list");
      return {
        config: this.#need(Config, "config"),
        layers: Layers.map((name) => this.#need(name, "layer")),
        names: tags.map(tagOf),
      };
    });
  }

  /** An entry that is an index stands for one image: the one that suits. A lone image of another platform is taken unless one was asked for. */
  async layout(
    index: Digest | undefined,
    platform: Platform,
    takesAny: boolean,
    depth = 0,
  ): Promise<readonly Wanted[]> {
    if (index === undefined) return [];
    if (depth > MAX_DEPTH) throw refuse("indexes are nested too deep");
    const entries = (await this.#index(index)).filter((entry) => !isAttestation(entry));
    const suiting =
      depth > 0
        ? bestFor(entries, platform)
        : entries.filter((entry) => entry.platform === undefined || isRunnable(entry.platform, platform));
    const chosen = suiting.length === 0 && takesAny && entries.length === 1 ? entries : suiting;
    atMost(chosen.length);
    const found: Wanted[] = [];
    for (const entry of chosen) {
      const names = namesIn(entry);
      const digest = this.#blob(entry.digest);
      const parsed = parseManifest(
        await small(this.#context, digest, entry.digest, MAX_DOCUMENT_BYTES, this.#signal),
        entry.digest,
      );
      if (parsed.kind === "index")
        for (const inner of await this.layout(digest, platform, takesAny, depth + 1))
          found.push({ ...inner, names: [...names, ...inner.names] });
      else
        found.push({
          config: this.#blob(parsed.manifest.config.digest),
          layers: parsed.manifest.layers.map((layer) => this.#blob(layer.digest)),
          names,
        });
    }
    return found;
  }

  async #index(digest: Digest): Promise<readonly Descriptor[]> {
    const bytes = await small(this.#context, digest, "index.json", MAX_DOCUMENT_BYTES, this.#signal);
    const parsed = parseManifest(bytes, "index.json");
    if (parsed.kind !== "index") throw refuse("index.json has no list of manifests");
    return parsed.manifests;
  }

  #need(name: unknown, what: string): Digest {
    const digest =
      typeof name === "string" ? this.#members.get(path.posix.normalize(`/${name}`).slice(1)) : undefined;
    if (digest === undefined) throw refuse(`${what} ${JSON.stringify(name)} is missing`);
    return digest;
  }

  /** A layout's blob, which has the bytes that its name promises. */
  #blob(digest: Digest): Digest {
    const found = this.#need(`blobs/sha256/${hexOf(digest)}`, "blob");
    if (found !== digest) throw refuse(`blob ${digest} has digest ${found}`);
    return digest;
  }
}

const [START, END] = [Buffer.from('{"items":'), Buffer.from("}")];

function atMost(count: number): void {
  if (count > MAX_IMAGES) throw refuse(`it names ${count} images, want at most ${MAX_IMAGES}`);
}

/** Docker takes tags only: what a digest would name, an archive can't promise. */
function tagOf(name: unknown): Reference {
  if (typeof name !== "string") throw refuse(`tag ${JSON.stringify(name)} is not a string`);
  const reference = parseReference(name);
  if (reference.tag === undefined || reference.digest !== undefined)
    throw new LongshoreError("invalid", `invalid tag ${JSON.stringify(name)}`);
  return reference;
}

/** The annotations' name; one by digest only where it is the entry's own. */
function namesIn({ annotations = {}, digest }: Descriptor): readonly Reference[] {
  const name = annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"];
  if (typeof name !== "string" || !/[/:@]/.test(name)) return [];
  const reference = parseReference(name);
  if (reference.digest === undefined) return [{ ...reference, tag: reference.tag ?? "latest" }];
  if (reference.digest !== digest)
    throw refuse(`manifest ${digest} is named ${JSON.stringify(name)}, which is another one`);
  const { tag: _tag, ...byDigest } = reference;
  return [byDigest];
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
    throw refuse(`${name} is ${size === undefined ? "missing" : `larger than ${limitBytes} bytes`}`);
  return await readAll(context.layers.blobs, digest, signal);
}
