import { isKind, LongshoreError } from "#kernel";
import type { LayerDraft } from "#layers";
import type { FetchedManifest, Registry, Repository } from "#registry";
import {
  type Descriptor,
  type Digest,
  familiar,
  familiarName,
  hexOf,
  type ImageConfig,
  isRunnable,
  type Manifest,
  mismatchText,
  type Platform,
  type Reference,
  withDefaultTag,
} from "#spec";
import type { ImagesContext } from "./context.ts";
import { chainOf } from "./image-book.ts";
import { counted } from "./counted.ts";
import type { Images, OnProgress } from "./contract.ts";
import { Flight } from "./flight.ts";
import { Gate } from "./gate.ts";
import { choosePlatform, parseManifest, refuseForeign } from "./manifest.ts";
import { MAX_CONFIG_BYTES, parseImageConfig } from "./parse-config.ts";
import { readAll } from "./read-all.ts";

const PARALLEL = 4;
/** Progress lines per layer are at least this far apart. */
const TICK_MS = 100;

/** Pulls; blobs under way are shared between pulls that want the same one. */
export class Puller {
  readonly #context: ImagesContext;
  readonly #registry: Registry;
  readonly #flights = new Map<Digest, Flight<LayerDraft>>();

  constructor(context: ImagesContext, registry: Registry) {
    this.#context = context;
    this.#registry = registry;
  }

  async pull(
    reference: Reference,
    options: Parameters<Images["pull"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const repository = this.#registry.repository(reference, options.auth, "pull");
    if (options.isAllTags !== true)
      return await this.#pullOne(repository, withDefaultTag(reference), options, onProgress, signal);
    for (const tag of await repository.tags(signal))
      await this.#pullOne(repository, { ...reference, tag }, options, onProgress, signal);
  }

  async #pullOne(
    repository: Repository,
    reference: Reference,
    options: Parameters<Images["pull"]>[1],
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<void> {
    const { book, clock } = this.#context;
    const name = familiar(reference);
    const top = await repository.manifest(reference.digest ?? reference.tag ?? "latest", signal);
    onProgress({
      status: `Pulling from ${familiarName(reference)}`,
      id: reference.digest ?? reference.tag ?? "latest",
    });
    const { fetched: own, manifest } = await this.#imageOf(repository, top, options.platform, name, signal);
    refuseForeign(manifest, name);
    const { config, layers } = manifest;
    const id = config.digest;
    const isNew = book.record(id) === undefined;
    const fetched = new Set<Digest>([own.digest]);
    using holds = new DisposableStack();
    for (const { digest } of [config, ...layers]) holds.use(this.#context.layers.blobs.hold(digest));
    try {
      const whole = { digest: own.digest, sizeBytes: own.bytes.length };
      await this.#context.layers.blobs.write(once(own.bytes), whole, signal, holds);
      const kept = { digest: own.digest, mediaType: own.mediaType };
      // In one turn, so in one transaction: an engine that dies leaves no image without its name.
      const record = async (added: Promise<void>): Promise<Digest | undefined> => {
        const at = clock.now().toISOString();
        const { domain, path, digest } = reference;
        const [before] = await Promise.all([
          digest === undefined ? book.name(reference, id, at) : undefined,
          book.name({ domain, path, digest: top.digest }, id, at),
          added,
        ]);
        return before;
      };
      let before: Digest | undefined;
      if (isNew)
        await this.#install(repository, config, layers, onProgress, fetched, signal, async (parsed) => {
          await record(book.add({ id, config: parsed, manifest: kept }));
        });
      else {
        for (const layer of layers)
          onProgress({ status: "Already exists", progressDetail: {}, id: shortOf(layer.digest) });
        before = await record(book.keepManifest(id, kept));
      }
      onProgress({ status: `Digest: ${top.digest}` });
      onProgress({
        status: `Status: ${!isNew && (before === id || reference.digest !== undefined) ? "Image is up to date" : "Downloaded newer image"} for ${name}`,
      });
      this.#context.publish(id, "pull", familiarName(reference), { actor: name });
      this.#warnOfPlatform(id, reference, options.platform, onProgress);
    } finally {
      holds.dispose();
      await this.#context.sweepBlobs(fetched);
    }
  }

  /** The manifest of one image: `top` itself, or the entry of the index that suits. */
  async #imageOf(
    repository: Repository,
    top: FetchedManifest,
    wanted: Platform | undefined,
    name: string,
    signal: AbortSignal,
  ): Promise<{ fetched: FetchedManifest; manifest: Manifest }> {
    const parsed = parseManifest(top.bytes, name);
    if (parsed.kind === "image") return { fetched: top, manifest: parsed.manifest };
    const { architecture } = this.#context;
    const usual = { os: "linux", architecture, ...(architecture === "arm64" && { variant: "v8" }) };
    const digest = choosePlatform(parsed.manifests, wanted ?? usual);
    const fetched = await repository.manifest(digest, signal);
    const inner = parseManifest(fetched.bytes, name);
    if (inner.kind === "index")
      throw new LongshoreError("invalid", `manifest of ${name}: an index inside an index has no image`);
    return { fetched, manifest: inner.manifest };
  }

  /** An image without an index is taken as it is, but not silently. */
  #warnOfPlatform(
    id: Digest,
    reference: Reference,
    wanted: Platform | undefined,
    onProgress: OnProgress,
  ): void {
    const config = this.#context.book.record(id)?.config;
    if (wanted === undefined || config === undefined || isRunnable(config, wanted)) return;
    const whole = `${reference.domain}/${reference.path}${reference.digest === undefined ? `:${reference.tag ?? "latest"}` : `@${reference.digest}`}`;
    onProgress({
      status: `WARNING: ${mismatchText(whole, config, wanted)}`,
    });
  }

  async #install(
    repository: Repository,
    config: Descriptor,
    layers: readonly Descriptor[],
    onProgress: OnProgress,
    fetched: Set<Digest>,
    signal: AbortSignal,
    record: (config: ImageConfig) => Promise<void>,
  ): Promise<void> {
    const { layers: store } = this.#context;
    if (config.size > MAX_CONFIG_BYTES)
      throw new LongshoreError(
        "invalid",
        `image config of ${config.size} bytes is larger than ${MAX_CONFIG_BYTES}`,
      );
    for (const layer of layers)
      onProgress({ status: "Pulling fs layer", progressDetail: {}, id: shortOf(layer.digest) });
    fetched.add(config.digest);
    await this.#fetch(repository, config, false, () => {}, signal);
    const parsed = parseImageConfig(await readAll(store.blobs, config.digest, signal), config.digest);
    const diffIds = parsed.rootfs.diff_ids;
    if (diffIds.length !== layers.length)
      throw new LongshoreError(
        "invalid",
        `image ${config.digest} has ${layers.length} layers, its config names ${diffIds.length}`,
      );
    // Layers come and are unpacked side by side; they become layers in order, as each stands on the one before.
    await using drafts = new AsyncDisposableStack();
    const stop = new AbortController();
    const both = AbortSignal.any([signal, stop.signal]);
    const chain = chainOf(parsed);
    using holds = new DisposableStack();
    for (const chainId of chain) holds.use(store.hold(chainId));
    const gate = new Gate(PARALLEL);
    const downloads = layers.map((layer, index) => {
      const chainId = chain[index];
      if (chainId !== undefined && store.layer(chainId) !== undefined) return Promise.resolve(undefined);
      fetched.add(layer.digest);
      const download = gate.run(async () => {
        const draft = await this.#download(repository, layer, onProgress, both);
        return draft === undefined ? undefined : drafts.use(draft);
      });
      download.catch(() => {});
      return download;
    });
    try {
      for (const [index, layer] of layers.entries()) {
        const chainId = chain[index];
        const diffId = diffIds[index];
        if (chainId === undefined || diffId === undefined) continue;
        const short = shortOf(layer.digest);
        if (store.layer(chainId) !== undefined) {
          onProgress({ status: "Already exists", progressDetail: {}, id: short });
          continue;
        }
        const draft = await downloads[index];
        const tick = ticker((doneBytes) =>
          onProgress({
            status: "Extracting",
            progressDetail: { current: doneBytes, total: layer.size },
            id: short,
          }),
        );
        if (draft !== undefined) tick(layer.size);
        await store.apply(
          chain[index - 1],
          store.blobs.read(layer.digest, signal),
          {
            expectedDiffId: diffId,
            blob: { digest: layer.digest, sizeBytes: layer.size, mediaType: layer.mediaType },
            ...(draft !== undefined && { draft }),
            onProgress: ({ doneBytes }) => tick(doneBytes),
          },
          signal,
        );
        onProgress({ status: "Pull complete", progressDetail: {}, id: short });
      }
      await record(parsed);
    } catch (error) {
      stop.abort(error);
      await Promise.allSettled(downloads);
      holds.dispose();
      await this.#context.sweepLayers(chain);
      // What is wrong here, or has no room, is no better next time.
      if (!signal.aborted && !isKind(error, "unavailable"))
        for (const { digest } of layers) await store.blobs.dropPartial(digest);
      throw error;
    }
  }

  async #download(
    repository: Repository,
    layer: Descriptor,
    onProgress: OnProgress,
    signal: AbortSignal,
  ): Promise<LayerDraft | undefined> {
    const id = shortOf(layer.digest);
    const tick = ticker((current) =>
      onProgress({ status: "Downloading", progressDetail: { current, total: layer.size }, id }),
    );
    const draft = await this.#fetch(repository, layer, true, tick, signal);
    onProgress({ status: "Verifying Checksum", progressDetail: {}, id });
    onProgress({ status: "Download complete", progressDetail: {}, id });
    return draft;
  }

  /** One download per blob: later wanters wait for it; it stops when the last of them is gone. */
  async #fetch(
    repository: Repository,
    wanted: Descriptor,
    isLayer: boolean,
    onBytes: (done: number) => void,
    signal: AbortSignal,
  ): Promise<LayerDraft | undefined> {
    signal.throwIfAborted();
    const { layers } = this.#context;
    if (await layers.blobs.has(wanted.digest)) return undefined;
    let flight = this.#flights.get(wanted.digest);
    if (flight === undefined || flight.isAbandoned) {
      const started = new Flight<LayerDraft>(async (stop, onDone) => {
        const expected = { digest: wanted.digest, sizeBytes: wanted.size };
        const from = (fromByte: number): AsyncIterable<Uint8Array> =>
          counted(repository.blob(wanted.digest, wanted.size, fromByte, stop), (done) =>
            onDone(fromByte + done),
          );
        if (isLayer) return await layers.fetch(expected, from, stop);
        await layers.blobs.fetch(expected, from, stop);
        return undefined;
      });
      flight = started;
      this.#flights.set(wanted.digest, started);
      const clear = (): void => {
        if (this.#flights.get(wanted.digest) === started) this.#flights.delete(wanted.digest);
      };
      started.done.then(clear, clear);
    }
    return await flight.join(onBytes, signal);
  }
}

function ticker(say: (value: number) => void): (value: number) => void {
  let last = 0;
  return (value) => {
    const now = performance.now();
    if (now - last < TICK_MS) return;
    last = now;
    say(value);
  };
}

const shortOf = (digest: Digest): string => hexOf(digest).slice(0, 12);

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}
