import { KeyedLocks, LongshoreError, randomId, nameBytes } from "#kernel";
import { chainIdOf, type Digest, digestOf, type TarEntry, TarReader, type TarSink } from "#spec";
import type { Change, FileEntry, LayerRecord, Layers, OverlayMount, Received } from "./contract.ts";
import { FakeBlobs } from "./fake-blobs.ts";
import { Holds } from "./holds.ts";
import { entriesOf, visiblePaths } from "./layer-index.ts";
import type { IndexedFile } from "./layer-writer.ts";
import { archive, file, folder } from "./test-archives.ts";
import { plainBytes } from "./plain-bytes.ts";

interface FakeLayer {
  readonly record: LayerRecord;
  readonly files: readonly IndexedFile[];
  readonly contents: ReadonlyMap<string, Buffer>;
  readonly tar: Buffer;
}

interface FakeSnapshot {
  readonly parent?: Digest;
  readonly written: Map<string, string | undefined>;
  readonly removed: Set<string>;
}

/** Layers in memory, without root and without a disk; mounts name places that aren't there. Passes the room's suite. */
export class FakeLayers implements Layers {
  readonly driver = "fake";
  readonly blobs: FakeBlobs = new FakeBlobs();
  readonly #layers = new Map<Digest, FakeLayer>();
  readonly #snapshots = new Map<string, FakeSnapshot>();
  readonly #holds = new Holds();
  readonly #locks = new KeyedLocks();

  layer(chainId: Digest): LayerRecord | undefined {
    return this.#layers.get(chainId)?.record;
  }

  *list(): IterableIterator<LayerRecord> {
    for (const { record } of this.#layers.values()) yield record;
  }

  async fetch(
    expected: { digest: Digest; sizeBytes: number },
    from: (fromByte: number) => AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<undefined> {
    await this.blobs.fetch(expected, from, signal);
  }

  async receive(
    source: AsyncIterable<Uint8Array>,
    holds: DisposableStack,
    signal: AbortSignal,
  ): Promise<{ readonly digest: Digest; readonly done: Promise<Received> }> {
    const received = await this.blobs.write(source, undefined, signal, holds);
    return { digest: received.digest, done: Promise.resolve(received) };
  }

  async apply(
    parent: Digest | undefined,
    source: AsyncIterable<Uint8Array>,
    options: Parameters<Layers["apply"]>[2],
    signal: AbortSignal,
  ): Promise<LayerRecord> {
    if (parent !== undefined && this.layer(parent) === undefined)
      throw new LongshoreError("not_found", `parent layer ${parent} is not here`);
    const key = options.expectedDiffId === undefined ? randomId() : chainIdOf(parent, options.expectedDiffId);
    await using _ = await this.#locks.hold(key, signal);
    const writer = new MemoryWriter();
    const reader = new TarReader(writer);
    const chunks: Buffer[] = [];
    for await (const chunk of plainBytes(source, signal)) {
      signal.throwIfAborted();
      chunks.push(chunk);
      reader.push(chunk);
    }
    reader.finish();
    const tar = Buffer.concat(chunks);
    const diffId = digestOf(tar);
    if (options.expectedDiffId !== undefined && diffId !== options.expectedDiffId)
      throw new LongshoreError("invalid", `layer has diff id ${diffId}, want ${options.expectedDiffId}`);
    const chainId = chainIdOf(parent, diffId);
    const known = this.layer(chainId);
    if (known !== undefined) return known;
    const links = [...writer.files.values()].filter(({ type }) => type === "symlink");
    const sizeBytes =
      [...writer.contents.values()].reduce((sum, bytes) => sum + bytes.length, 0) +
      links.reduce((sum, { linkTarget = "" }) => sum + nameBytes(linkTarget).length, 0);
    const createdAt = new Date(0).toISOString();
    const { blob } = options;
    const record = { chainId, diffId, sizeBytes, createdAt, ...(parent !== undefined && { parent }) };
    this.#layers.set(chainId, {
      record: { ...record, ...(blob !== undefined && { blob }) },
      files: [...writer.files.values()],
      contents: writer.contents,
      tar,
    });
    return this.#need(chainId).record;
  }

  hold(chainId: Digest): Disposable {
    return this.#holds.hold(chainId);
  }

  async removeLayer(chainId: Digest): Promise<void> {
    await using _ = await this.#locks.hold(chainId);
    const layer = this.#layers.get(chainId);
    if (layer === undefined) return;
    const above =
      [...this.list()].some(({ parent }) => parent === chainId) ||
      [...this.#snapshots.values()].some(({ parent }) => parent === chainId);
    if (above || this.#holds.has(chainId))
      throw new LongshoreError("conflict", `layer ${chainId} is in use by something that stands on it`);
    this.#layers.delete(chainId);
    const digest = layer.record.blob?.digest;
    if (digest !== undefined && ![...this.list()].some(({ blob }) => blob?.digest === digest))
      await this.blobs.remove(digest);
  }

  async *exportLayer(chainId: Digest, signal: AbortSignal): AsyncIterable<Uint8Array> {
    signal.throwIfAborted();
    yield this.#need(chainId).tar;
  }

  async prepare(key: string, parent: Digest | undefined, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!/^[\w-][\w.-]{0,127}$/.test(key))
      throw new LongshoreError("invalid", `invalid snapshot key ${JSON.stringify(key)}`);
    if (this.#snapshots.has(key)) throw new LongshoreError("conflict", `snapshot "${key}" exists`);
    if (parent !== undefined) this.#need(parent);
    this.#snapshots.set(key, {
      ...(parent !== undefined && { parent }),
      written: new Map(),
      removed: new Set(),
    });
  }

  mount(key: string): OverlayMount {
    const { parent } = this.#snapshot(key);
    const place = `/fake/snapshots/${key}`;
    const lowers = ["/fake/init", ...this.#chain(parent).map((chainId) => `/fake/layers/${chainId}`)];
    return { kind: "overlay", lowers, upper: `${place}/fs`, work: `${place}/work` };
  }

  view(chainId: Digest): OverlayMount {
    return { kind: "overlay", lowers: this.#chain(chainId).map((each) => `/fake/layers/${each}`) };
  }

  async removeSnapshot(key: string): Promise<void> {
    this.#snapshots.delete(key);
  }

  snapshots(): IterableIterator<string> {
    return this.#snapshots.keys();
  }

  /** As a container would: files with their text, folders undefined; paths without a leading slash. */
  change(
    key: string,
    written: Readonly<Record<string, string | undefined>>,
    removed: readonly string[] = [],
  ): void {
    const snapshot = this.#snapshot(key);
    for (const [name, text] of Object.entries(written)) snapshot.written.set(`/${name}`, text);
    for (const name of removed) snapshot.removed.add(`/${name}`);
  }

  async changes(key: string, signal: AbortSignal): Promise<readonly Change[]> {
    signal.throwIfAborted();
    const { parent, written, removed } = this.#snapshot(key);
    const below = visiblePaths(this.#indexes(parent));
    const changed = new Map<string, Change>();
    for (const path of removed) changed.set(path, { kind: "deleted", path });
    for (const path of written.keys()) {
      for (let above = parentOf(path); above !== ""; above = parentOf(above))
        if (!changed.has(above) && below.has(above)) changed.set(above, { kind: "modified", path: above });
      changed.set(path, { kind: below.has(path) ? "modified" : "added", path });
    }
    return [...changed.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
  }

  async *exportDiff(key: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const { written } = this.#snapshot(key);
    const members = (await this.changes(key, signal)).map(({ kind, path }) => {
      const name = path.slice(1);
      const text = written.get(path);
      if (kind === "deleted") return file(name.replace(/([^/]+)$/, ".wh.$1"), "");
      return text === undefined ? folder(name) : file(name, text);
    });
    yield archive(...members);
  }

  async usageBytes(key: string, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    let total = 0;
    for (const text of this.#snapshot(key).written.values()) total += Buffer.byteLength(text ?? "");
    return total;
  }

  snapshotParent(key: string): Digest | undefined {
    return this.#snapshot(key).parent;
  }

  snapshotDiskBytes(key: string, signal: AbortSignal): Promise<number> {
    return this.usageBytes(key, signal);
  }

  async layerDiskBytes(chainId: Digest, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    return this.#need(chainId).record.sizeBytes;
  }

  async files(chainId: Digest, signal: AbortSignal): Promise<readonly FileEntry[]> {
    signal.throwIfAborted();
    const { record, files } = this.#need(chainId);
    return entriesOf(this.#indexes(record.parent), files);
  }

  async *readFile(chainId: Digest, path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    signal.throwIfAborted();
    const { files, contents } = this.#need(chainId);
    const known = files.find((entry) => entry.path === path);
    if (known === undefined)
      throw new LongshoreError("not_found", `layer ${chainId} has no file ${JSON.stringify(path)}`);
    const bytes = contents.get(path);
    if (bytes === undefined)
      throw new LongshoreError("invalid", `${JSON.stringify(path)} is a ${known.type}, not a regular file`);
    yield bytes;
  }

  #need(chainId: Digest): FakeLayer {
    const layer = this.#layers.get(chainId);
    if (layer === undefined) throw new LongshoreError("not_found", `No such layer: ${chainId}`);
    return layer;
  }

  #snapshot(key: string): FakeSnapshot {
    const snapshot = this.#snapshots.get(key);
    if (snapshot === undefined) throw new LongshoreError("not_found", `No such snapshot: ${key}`);
    return snapshot;
  }

  /** Topmost first. */
  #chain(top: Digest | undefined): Digest[] {
    const chain: Digest[] = [];
    for (let next = top; next !== undefined; next = this.#need(next).record.parent) chain.push(next);
    return chain;
  }

  #indexes(top: Digest | undefined): readonly (readonly IndexedFile[])[] {
    return this.#chain(top)
      .toReversed()
      .map((chainId) => this.#need(chainId).files);
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf("/"));

/** A layer's members in a map. Links are kept as they are: nothing is resolved. */
class MemoryWriter implements TarSink {
  readonly files = new Map<string, IndexedFile>();
  readonly contents = new Map<string, Buffer>();
  #path = "";
  #pieces: Buffer[] | undefined;

  entry(entry: TarEntry): void {
    const path = `/${entry.name.replace(/^(\.?\/)+|\/$/g, "")}`;
    const base = path.slice(path.lastIndexOf("/") + 1);
    this.#pieces = undefined;
    if (base === ".wh..wh..opq") this.#index(parentOf(path), entry, "directory", { isOpaque: true });
    else if (base.startsWith(".wh."))
      this.#index(`${parentOf(path)}/${base.slice(4)}`, entry, "file", { isWhiteout: true });
    else {
      const isDevice = entry.type === "character" || entry.type === "block";
      const hid = this.files.get(path)?.isWhiteout === true && entry.type === "directory";
      this.#index(path, entry, isDevice ? "device" : entry.type, hid ? { isOpaque: true } : {});
      this.#path = path;
      if (entry.type === "file") this.#pieces = [];
    }
  }

  #index(path: string, entry: TarEntry, type: IndexedFile["type"], marks: Partial<IndexedFile>): void {
    const { mode, uid, gid, sizeBytes, linkName } = entry;
    const linkTarget = type === "symlink" ? { linkTarget: linkName } : {};
    const modifiedAt = new Date(Number(entry.modifiedNano / 1_000_000n)).toISOString();
    const known = marks.isOpaque === true ? this.files.get(path) : undefined;
    this.files.set(path, {
      path,
      type,
      sizeBytes,
      mode,
      uid,
      gid,
      modifiedAt,
      ...linkTarget,
      ...known,
      ...marks,
    });
  }

  data(chunk: Buffer): void {
    this.#pieces?.push(Buffer.from(chunk));
  }

  end(): void {
    if (this.#pieces !== undefined) this.contents.set(this.#path, Buffer.concat(this.#pieces));
    this.#pieces = undefined;
  }
}
