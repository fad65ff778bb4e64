import { createReadStream } from "node:fs";
import { lstat, mkdir, readdir, rename } from "node:fs/promises";
import path from "node:path";
import { KeyedLocks, LongshoreError, MiB, type Logger } from "#kernel";
import { BLOCK_BYTES, removeTree, spreadSubfolders } from "#host";
import { chainIdOf, type Digest, hexOf, parseDigest } from "#spec";
import type { Store, Table } from "#store";
import { BlobStore } from "./blob-store.ts";
import { changesOf } from "./changes.ts";
import type {
  Change,
  FileEntry,
  LayerDraft,
  LayerRecord,
  Layers,
  OverlayMount,
  Received,
} from "./contract.ts";
import { explainDisk } from "./disk-full.ts";
import { Holds } from "./holds.ts";
import { inheritFolders } from "./implied-folders.ts";
import { LateSync } from "./late-sync.ts";
import { InitLayers } from "./init-layer.ts";
import { entriesOf, readIndex, regularFile } from "./layer-index.ts";
import { draftFolder, fetchLayer, receive, TreeDraft } from "./intake.ts";
import type { IndexedFile } from "./layer-writer.ts";
import { packDiff } from "./pack.ts";
import { probeOverlay } from "./probe-overlay.ts";
import { plainBytes } from "./plain-bytes.ts";
import { unpack } from "./unpack.ts";
import { walk } from "./walk.ts";
import type { Unpacked } from "./writer-protocol.ts";

interface SnapshotRecord {
  readonly parent?: Digest;
  /** Key of the init layer between the parent and the writable one. */
  readonly init?: string;
}

/**
 * Layers as overlay lower directories: `layers/HEX/{fs,index.json.gz}` sealed, `init/KEY` between, `snapshots/KEY/{fs,work}` writable.
 * A name is complete or in tmp/; the record is written last and dropped first.
 */
export class OverlayLayers implements Layers {
  readonly driver = "overlay2";
  readonly blobs: BlobStore;
  readonly #root: string;
  readonly #layers: Table<LayerRecord>;
  readonly #snapshots: Table<SnapshotRecord>;
  readonly #init: InitLayers;
  readonly #locks = new KeyedLocks();
  readonly #holds = new Holds();
  /** By parent; a layer's content never changes, so neither does its key. */
  readonly #initKeys = new Map<Digest | undefined, string>();
  /** Sealed layers don't change, so what one takes on the disk is asked once. */
  readonly #diskBytes = new Map<Digest, number>();
  readonly #log: Logger;
  readonly #boot: string;
  readonly #lateSync: LateSync;

  constructor(dataRoot: string, store: Store, log: Logger, boot: string, syncAfterMs: number) {
    this.#boot = boot;
    this.#lateSync = new LateSync(dataRoot, log, syncAfterMs, (chainIds) => this.#areSynced(chainIds));
    this.#root = dataRoot;
    this.blobs = new BlobStore(dataRoot);
    this.#init = new InitLayers(dataRoot);
    this.#layers = store.table<LayerRecord>("layers", 1, (row) => row as LayerRecord);
    this.#snapshots = store.table<SnapshotRecord>("snapshots", 1, (row) => row as SnapshotRecord);
    this.#log = log;
  }

  /** Makes the folders, empties tmp/, removes directories that no record names and reports records without directory. */
  async open(): Promise<void> {
    await removeTree(path.join(this.#root, "tmp"));
    for (const name of ["layers", "snapshots", "tmp", "empty"])
      await mkdir(path.join(this.#root, name), { recursive: true, mode: 0o710 });
    // Layers are unpacked side by side. Where many inodes were freed of late, an ext4 without a journal looks at each of them before it
    // takes the next: a layer of a thousand files paid for those of every image removed just before. Source: fs/ext4/ialloc.c.
    spreadSubfolders(path.join(this.#root, "tmp"));
    await this.blobs.open();
    probeOverlay(this.#root);
    await this.#repairUnsynced();
    const named = new Set([...this.#layers.values()].map((layer) => hexOf(layer.chainId)));
    for (const name of await readdir(path.join(this.#root, "layers")))
      if (!named.delete(name)) await removeTree(path.join(this.#root, "layers", name));
    for (const hex of named) {
      this.#log.error("a layer's directory is gone: its record is dropped, pull or load the image again", {
        layer: hex,
      });
      await this.#layers.remove(`sha256:${hex}`);
    }
    for (const name of await readdir(path.join(this.#root, "snapshots")))
      if (this.#snapshots.get(name) === undefined) await removeTree(path.join(this.#root, "snapshots", name));
    const inits = new Set([...this.#snapshots.values()].map(({ init }) => init));
    await this.#init.open((key) => inits.has(key));
  }

  #areSynced(chainIds: readonly Digest[]): void {
    for (const chainId of chainIds) {
      const { writtenInBoot, ...record } = this.layer(chainId) ?? {};
      if (writtenInBoot !== undefined)
        this.#layers.put(chainId, record as LayerRecord, "kernel").catch((error: unknown) => {
          this.#log.error("a layer's record could not be written", { layer: chainId, error });
        });
    }
  }

  /** The machine stopped before these were surely on the disk: what their archives can't make anew loses its directory, and all above it. */
  async #repairUnsynced(): Promise<void> {
    const lost = new Set<Digest>();
    for (const record of Array.from(this.#layers.values())) {
      const { chainId, parent, writtenInBoot } = record;
      const isAbove = parent !== undefined && lost.has(parent);
      const isUnsure = writtenInBoot !== undefined && writtenInBoot !== this.#boot;
      if (isAbove || (isUnsure && !(await this.#isMadeAnew(record)))) {
        lost.add(chainId);
        await removeTree(this.#layerFolder(chainId));
      } else if (writtenInBoot !== undefined) this.#lateSync.add(chainId);
    }
  }

  async #isMadeAnew(record: LayerRecord): Promise<boolean> {
    const draft = draftFolder(this.#drafts);
    try {
      await this.#unpackAgain(draft, record);
    } catch (error) {
      await removeTree(draft);
      this.#log.warn("a layer was not on the disk when the machine stopped", {
        layer: record.chainId,
        error,
      });
      return false;
    }
    const place = this.#layerFolder(record.chainId);
    await removeTree(place);
    await rename(draft, place);
    await this.#layers.put(record.chainId, { ...record, writtenInBoot: this.#boot });
    this.#log.info("a layer is unpacked anew: the machine stopped before it was on the disk", {
      layer: record.chainId,
    });
    return true;
  }

  async #unpackAgain(draft: string, { diffId, parent, blob }: LayerRecord): Promise<void> {
    if (blob === undefined) throw new LongshoreError("invalid", "it has no archive");
    const never = new AbortController().signal;
    const unpacked = await unpack(draft, this.blobs.read(blob.digest, never), () => {}, never);
    if (unpacked.diffId !== diffId)
      throw new LongshoreError("invalid", `its archive has diff id ${unpacked.diffId}, want ${diffId}`);
    await this.#complete(draft, unpacked, parent);
  }

  layer(chainId: Digest): LayerRecord | undefined {
    return this.#layers.get(chainId);
  }

  list(): IterableIterator<LayerRecord> {
    return this.#layers.values();
  }

  get #drafts(): string {
    return path.join(this.#root, "tmp");
  }

  fetch(
    expected: { digest: Digest; sizeBytes: number },
    from: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<LayerDraft | undefined> {
    return fetchLayer(this.#drafts, this.blobs, expected, from, signal);
  }

  receive(
    source: AsyncIterable<Uint8Array>,
    holds: DisposableStack,
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly done: Promise<Received> }> {
    return receive(this.#drafts, this.blobs, source, holds, signal);
  }

  async apply(
    parent: Digest | undefined,
    source: AsyncIterable<Uint8Array>,
    options: Parameters<Layers["apply"]>[2],
    signal: AbortSignal,
  ): Promise<LayerRecord> {
    using _parent = parent === undefined ? undefined : this.hold(parent);
    if (parent !== undefined && this.layer(parent) === undefined)
      throw new LongshoreError("not_found", `parent layer ${parent} is not here`);
    const expected =
      options.expectedDiffId === undefined ? undefined : chainIdOf(parent, options.expectedDiffId);
    await using _ = expected === undefined ? undefined : await this.#locks.hold(expected, signal);
    const known = expected === undefined ? undefined : this.layer(expected);
    if (known !== undefined) return known;
    const given = options.draft instanceof TreeDraft ? options.draft : undefined;
    const draft = given?.folder ?? draftFolder(this.#drafts);
    try {
      const { implied, ...unpacked } =
        given?.unpacked ??
        (await unpack(
          draft,
          source,
          (doneBytes) => options.onProgress?.({ phase: "extracting", doneBytes }),
          signal,
        ));
      if (options.expectedDiffId !== undefined && unpacked.diffId !== options.expectedDiffId)
        throw new LongshoreError(
          "invalid",
          `layer has diff id ${unpacked.diffId}, want ${options.expectedDiffId}`,
        );
      const chainId = chainIdOf(parent, unpacked.diffId);
      await this.#complete(draft, { implied, ...unpacked }, parent);
      await using _chain = expected === undefined ? await this.#locks.hold(chainId, signal) : undefined;
      return await this.#seal(draft, {
        chainId,
        ...unpacked,
        ...(parent !== undefined && { parent }),
        createdAt: new Date().toISOString(),
        writtenInBoot: this.#boot,
        ...(options.blob !== undefined && { blob: options.blob }),
      });
    } catch (error) {
      await removeTree(draft);
      signal.throwIfAborted();
      const name = options.expectedDiffId ?? options.blob?.digest;
      if (error instanceof LongshoreError && name !== undefined && !error.message.includes(name))
        throw new LongshoreError(error.kind, `layer ${name}: ${error.message}`, { cause: error });
      throw explainDisk(error, `layer ${name ?? "of the archive"} cannot be unpacked`);
    }
  }

  /** What an unpacked tree needs to be a layer over `parent`. */
  async #complete(draft: string, unpacked: Unpacked, parent: Digest | undefined): Promise<void> {
    if (unpacked.hidesParent !== true)
      await inheritFolders(path.join(draft, "fs"), unpacked.implied, this.#lowers(parent));
  }

  /** Under the lock of its chain id: one that came first wins. */
  async #seal(draft: string, record: LayerRecord): Promise<LayerRecord> {
    const raced = this.layer(record.chainId);
    if (raced !== undefined) {
      await removeTree(draft);
      return raced;
    }
    const place = this.#layerFolder(record.chainId);
    await removeTree(place);
    await rename(draft, place);
    await this.#layers.put(record.chainId, record);
    this.#lateSync.add(record.chainId);
    return record;
  }

  hold(chainId: Digest): Disposable {
    return this.#holds.hold(chainId);
  }

  async removeLayer(chainId: Digest): Promise<void> {
    await using _ = await this.#locks.hold(chainId);
    const record = this.layer(chainId);
    if (record === undefined) return;
    if (this.#holds.has(chainId))
      throw new LongshoreError("conflict", `layer ${chainId} is in use by an image that is being made`);
    for (const other of this.#layers.values())
      if (other.parent === chainId)
        throw new LongshoreError("conflict", `layer ${chainId} is in use by layer ${other.chainId}`);
    for (const [key, snapshot] of this.#snapshots.entries())
      if (snapshot.parent === chainId)
        throw new LongshoreError("conflict", `layer ${chainId} is in use by snapshot ${key}`);
    const done = this.#layers.remove(chainId);
    this.#diskBytes.delete(chainId);
    const blob = record.blob?.digest;
    const isShared =
      blob !== undefined && [...this.#layers.values()].some((other) => other.blob?.digest === blob);
    await done;
    await removeTree(this.#layerFolder(chainId));
    if (blob !== undefined && !isShared) await this.blobs.remove(blob);
  }

  async *exportLayer(chainId: Digest, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const record = this.#need(chainId);
    if (record.blob === undefined)
      throw new LongshoreError("internal", `layer ${chainId} has no archive to export`);
    yield* plainBytes(this.blobs.read(record.blob.digest, signal), signal);
  }

  async prepare(key: string, parent: Digest | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#snapshots.get(key) !== undefined)
      throw new LongshoreError("conflict", `snapshot "${key}" exists`);
    if (parent !== undefined) this.#need(parent);
    const place = this.#snapshotFolder(key);
    using _parent = parent === undefined ? undefined : this.hold(parent);
    const init = await this.#initOf(parent);
    signal.throwIfAborted();
    if (this.#snapshots.get(key) !== undefined)
      throw new LongshoreError("conflict", `snapshot "${key}" exists`);
    const recorded = this.#snapshots.put(key, { init, ...(parent !== undefined && { parent }) }, "kernel"); // what it is for is recorded after it
    try {
      await mkdir(path.join(place, "fs"), { recursive: true, mode: 0o755 });
      await mkdir(path.join(place, "work"), { mode: 0o700 });
      await recorded;
    } catch (error) {
      await recorded.catch(() => {});
      await this.removeSnapshot(key);
      throw explainDisk(error, `snapshot "${key}" cannot be made`);
    }
  }

  async #initOf(parent: Digest | undefined): Promise<string> {
    const known = this.#initKeys.get(parent);
    if (known !== undefined) return known;
    try {
      const key = await this.#init.need(this.#lowers(parent));
      this.#initKeys.set(parent, key);
      return key;
    } catch (error) {
      throw explainDisk(error, "init layer cannot be made");
    }
  }

  #needSnapshot(key: string): SnapshotRecord {
    const snapshot = this.#snapshots.get(key);
    if (snapshot === undefined) throw new LongshoreError("not_found", `No such snapshot: ${key}`);
    return snapshot;
  }

  mount(key: string): OverlayMount {
    const snapshot = this.#needSnapshot(key);
    const place = this.#snapshotFolder(key);
    return {
      kind: "overlay",
      lowers: [
        ...(snapshot.init === undefined ? [] : [this.#init.folder(snapshot.init)]),
        ...this.#lowers(snapshot.parent),
      ],
      upper: path.join(place, "fs"),
      work: path.join(place, "work"),
    };
  }

  view(chainId: Digest): OverlayMount {
    this.#need(chainId);
    const lowers = this.#lowers(chainId);
    // Without an upper directory overlay refuses a single lower one.
    return {
      kind: "overlay",
      lowers: lowers.length === 1 ? [...lowers, path.join(this.#root, "empty")] : lowers,
    };
  }

  async removeSnapshot(key: string): Promise<void> {
    // On a full disk the files make room for the record's end: a record without files names nothing that anybody needs.
    const failure = await this.#snapshots.remove(key, "kernel").then(
      () => undefined,
      (error: unknown) => ({ error }),
    );
    await removeTree(this.#snapshotFolder(key));
    if (failure !== undefined) await this.#snapshots.remove(key, "kernel");
  }

  *snapshots(): IterableIterator<string> {
    for (const [key] of this.#snapshots.entries()) yield key;
  }

  async changes(key: string, signal: AbortSignal): Promise<readonly Change[]> {
    const { upper, lowers } = this.mount(key);
    return upper === undefined ? [] : await changesOf(upper, lowers, signal);
  }

  exportDiff(key: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { upper } = this.mount(key);
    if (upper === undefined) throw new LongshoreError("internal", `snapshot ${key} is read-only`);
    return packDiff(upper, signal);
  }

  async usageBytes(key: string, signal: AbortSignal): Promise<number> {
    const { upper } = this.mount(key);
    let total = 0;
    const seen = new Set<bigint>();
    if (upper === undefined) return total;
    for await (const { stats } of walk(upper)) {
      signal.throwIfAborted();
      if (stats.isDirectory() || (stats.nlink > 1n && seen.has(stats.ino))) continue;
      seen.add(stats.ino);
      total += Number(stats.size);
    }
    return total;
  }

  snapshotParent(key: string): Digest | undefined {
    return this.#needSnapshot(key).parent;
  }

  async snapshotDiskBytes(key: string, signal: AbortSignal): Promise<number> {
    this.#needSnapshot(key);
    return await allocatedBytes(this.#snapshotFolder(key), signal);
  }

  async layerDiskBytes(chainId: Digest, signal: AbortSignal): Promise<number> {
    this.#need(chainId);
    const known = this.#diskBytes.get(chainId);
    if (known !== undefined) return known;
    const bytes = await allocatedBytes(this.#layerFolder(chainId), signal);
    if (this.layer(chainId) !== undefined) this.#diskBytes.set(chainId, bytes);
    return bytes;
  }

  async files(chainId: Digest, signal: AbortSignal): Promise<readonly FileEntry[]> {
    const record = this.#need(chainId);
    const below: (readonly IndexedFile[])[] = [];
    for (const ancestor of this.#shown(record.parent).toReversed()) {
      signal.throwIfAborted();
      below.push(await this.#index(ancestor));
    }
    return entriesOf(record.hidesParent === true ? [] : below, await this.#index(chainId));
  }

  async *readFile(chainId: Digest, file: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    this.#need(chainId);
    const known = (await this.#index(chainId)).find((entry) => entry.path === file);
    if (known === undefined)
      throw new LongshoreError("not_found", `layer ${chainId} has no file ${JSON.stringify(file)}`);
    if (known.type !== "file" && known.type !== "hardlink")
      throw new LongshoreError("invalid", `${JSON.stringify(file)} is a ${known.type}, not a regular file`);
    const place = await regularFile(path.join(this.#layerFolder(chainId), "fs"), file);
    for await (const chunk of createReadStream(place, { highWaterMark: MiB, signal })) yield chunk as Buffer;
  }

  async #index(chainId: Digest): Promise<readonly IndexedFile[]> {
    return await readIndex(path.join(this.#layerFolder(chainId), "index.json.gz"));
  }

  #need(chainId: Digest): LayerRecord {
    const record = this.layer(chainId);
    if (record === undefined) throw new LongshoreError("not_found", `No such layer: ${chainId}`);
    return record;
  }

  /** Chain ids that show, topmost first. Overlay has no opaque root, so a layer that hides everything ends the chain. */
  #shown(top: Digest | undefined): Digest[] {
    const chain: Digest[] = [];
    for (let next = top; next !== undefined;) {
      chain.push(next);
      const { parent, hidesParent } = this.#need(next);
      next = hidesParent === true ? undefined : parent;
    }
    return chain;
  }

  #lowers(top: Digest | undefined): string[] {
    const chain = this.#shown(top);
    // Overlay wants at least one lower directory: an empty one stands for "no layers".
    return chain.length === 0
      ? [path.join(this.#root, "empty")]
      : chain.map((chainId) => path.join(this.#layerFolder(chainId), "fs"));
  }

  #layerFolder(chainId: Digest): string {
    return path.join(this.#root, "layers", hexOf(parseDigest(chainId)));
  }

  #snapshotFolder(key: string): string {
    if (!/^[\w.-]{1,128}$/.test(key) || key.startsWith("."))
      throw new LongshoreError("invalid", `invalid snapshot key ${JSON.stringify(key)}`);
    return path.join(this.#root, "snapshots", key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#lateSync[Symbol.dispose]();
  }
}

async function allocatedBytes(folder: string, signal: AbortSignal): Promise<number> {
  const seen = new Set<bigint>();
  let { blocks } = await lstat(folder, { bigint: true });
  for await (const { stats } of walk(folder)) {
    signal.throwIfAborted();
    if (!stats.isDirectory() && stats.nlink > 1n) {
      if (seen.has(stats.ino)) continue;
      seen.add(stats.ino);
    }
    blocks += stats.blocks;
  }
  return Number(blocks) * BLOCK_BYTES;
}
