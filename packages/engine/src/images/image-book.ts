import { isKind, LongshoreError } from "#kernel";
import type { Layers } from "#layers";
import {
  chainIdOf,
  type Digest,
  familiar,
  hexOf,
  type ImageConfig,
  isDigest,
  parseReference,
  type Reference,
  withDefaultTag,
} from "#spec";
import type { Store, Table } from "#store";
import type { Image } from "./contract.ts";

/** One image as stored; its exact config bytes are the blob of its id. */
export interface ImageRecord {
  readonly id: Digest;
  readonly config: ImageConfig;
  readonly parent?: Digest;
  readonly lastTaggedAt?: string;
  /** The manifest that it was pulled by, a blob: a push of the same bytes has the same digest. */
  readonly manifest?: { readonly digest: Digest; readonly mediaType: string };
}

/** What is kept in the blobs of an image beside its layers' archives: config and manifest. */
export function blobsOf({ id, manifest }: ImageRecord): readonly Digest[] {
  return manifest === undefined ? [id] : [id, manifest.digest];
}

/** A name of an image: `repo:tag` or `repo@digest`, fully qualified. */
interface NameRecord {
  readonly id: Digest;
}

/** A removal that can be taken back. */
export interface TrashRow {
  readonly key: string;
  readonly id: Digest;
  /** As stored. */
  readonly names: readonly string[];
  readonly records: readonly ImageRecord[];
  readonly removedAt: string;
  readonly isKept: boolean;
}

/** Images and their names, and removals that can be taken back; lookups in Docker's order. */
export class ImageBook {
  readonly #images: Table<ImageRecord>;
  readonly #names: Table<NameRecord>;
  readonly #trash: Table<TrashRow>;
  readonly #layers: Layers;

  constructor(store: Store, layers: Layers) {
    this.#images = store.table<ImageRecord>("images", 1, (row) => row as ImageRecord);
    this.#names = store.table<NameRecord>("image_names", 1, (row) => row as NameRecord);
    this.#trash = store.table<TrashRow>("trashed_images", 1, (row) => row as TrashRow);
    this.#layers = layers;
  }

  record(id: Digest): ImageRecord | undefined {
    return this.#images.get(id);
  }

  records(): IterableIterator<ImageRecord> {
    return this.#images.values();
  }

  /** Also those in the trash: their layers and blobs are needed. */
  *allRecords(): IterableIterator<ImageRecord> {
    yield* this.#images.values();
    for (const { records } of this.#trash.values()) yield* records;
  }

  trashRows(): readonly TrashRow[] {
    return [...this.#trash.values()];
  }

  needTrashRow(key: string): TrashRow {
    const row = this.#trash.get(key);
    if (row === undefined) throw new LongshoreError("not_found", `No such image in the trash: ${key}`);
    return row;
  }

  async putTrashRow(row: TrashRow): Promise<void> {
    await this.#trash.put(row.key, row);
  }

  async dropTrashRow(key: string): Promise<void> {
    await this.#trash.remove(key);
  }

  /** In one turn, so in one transaction: what a removal took is back and the removal forgotten. */
  async takeBack(row: TrashRow, names: readonly string[]): Promise<void> {
    await Promise.all([
      this.#trash.remove(row.key),
      ...row.records.map((record) => this.add(record)),
      ...names.map((name) => this.#names.put(name, { id: row.id })),
    ]);
  }

  list(): readonly Image[] {
    const tags = new Map<Digest, { tags: string[]; digests: string[] }>();
    for (const [name, { id }] of this.#names.entries()) {
      const entry = tags.get(id) ?? { tags: [], digests: [] };
      tags.set(id, entry);
      (name.includes("@") ? entry.digests : entry.tags).push(familiar(parseReference(name)));
    }
    return [...this.#images.values()].map((record) => this.#view(record, tags.get(record.id)));
  }

  #view(record: ImageRecord, names: { tags: string[]; digests: string[] } | undefined): Image {
    const chain = chainOf(record.config);
    return {
      id: record.id,
      config: record.config,
      chain,
      ...(chain.length > 0 && { top: chain.at(-1) as Digest }),
      repoTags: (names?.tags ?? []).toSorted(),
      repoDigests: (names?.digests ?? []).toSorted(),
      sizeBytes: chain.reduce((sum, chainId) => sum + (this.#layers.layer(chainId)?.sizeBytes ?? 0), 0),
      createdAt: record.config.created ?? "0001-01-01T00:00:00Z",
      ...(record.lastTaggedAt !== undefined && { lastTaggedAt: record.lastTaggedAt }),
      ...(record.parent !== undefined && { parent: record.parent }),
      ...(record.manifest !== undefined && { manifest: record.manifest.digest }),
    };
  }

  /** A local name wins over a short id. Throws `not_found` in Docker's words, `invalid` for what is no name. */
  get(name: string): Image {
    const id = this.find(name);
    const record = id === undefined ? undefined : this.#images.get(id);
    if (record === undefined) throw new LongshoreError("not_found", `No such image: ${named(name)}`);
    const names = { tags: [] as string[], digests: [] as string[] };
    for (const [key, value] of this.#names.entries())
      if (value.id === record.id)
        (key.includes("@") ? names.digests : names.tags).push(familiar(parseReference(key)));
    return this.#view(record, names);
  }

  find(name: string): Digest | undefined {
    if (isDigest(name)) return this.#images.get(name) === undefined ? undefined : name;
    if (/^[0-9a-f]{64}$/.test(name)) return this.find(`sha256:${name}`);
    const byName = this.#byReference(name);
    if (byName !== undefined) return byName;
    const hex = name.startsWith("sha256:") ? name.slice(7) : name;
    if (!/^[0-9a-f]{2,64}$/.test(hex)) return undefined;
    const matches = [...this.#images.values()].filter((record) => hexOf(record.id).startsWith(hex));
    return matches.length === 1 ? matches[0]?.id : undefined;
  }

  #byReference(name: string): Digest | undefined {
    try {
      const reference = withDefaultTag(parseReference(name));
      if (reference.digest === undefined) return this.#names.get(nameKey(reference))?.id;
      // With a digest the tag decides nothing.
      const key = `${reference.domain}/${reference.path}@${reference.digest}`;
      const id = this.#names.get(key)?.id;
      return id ?? (this.#images.get(reference.digest) === undefined ? undefined : reference.digest);
    } catch (error) {
      if (isKind(error, "invalid")) return undefined;
      throw error;
    }
  }

  /** Names of `id`, as stored keys. */
  namesOf(id: Digest): readonly string[] {
    return [...this.#names.entries()].filter(([, value]) => value.id === id).map(([key]) => key);
  }

  idOfName(key: string): Digest | undefined {
    return this.#names.get(key)?.id;
  }

  async add(record: ImageRecord): Promise<void> {
    if (this.#images.get(record.id) === undefined) await this.#images.put(record.id, record);
  }

  /** Remembers the manifest of a pull; the first one stays. */
  async keepManifest(id: Digest, manifest: NonNullable<ImageRecord["manifest"]>): Promise<void> {
    const record = this.#images.get(id);
    if (record !== undefined && record.manifest === undefined)
      await this.#images.put(id, { ...record, manifest });
  }

  /** Points `reference` (with tag or digest) to `id`; returns the id it named before. */
  async name(reference: Reference, id: Digest, at: string): Promise<Digest | undefined> {
    const key = nameKey(reference);
    const before = this.#names.get(key)?.id;
    const record = this.#images.get(id);
    const touched =
      record === undefined || reference.digest !== undefined
        ? Promise.resolve()
        : this.#images.put(id, { ...record, lastTaggedAt: at });
    await Promise.all([this.#names.put(key, { id }), touched]);
    return before;
  }

  async unname(key: string): Promise<void> {
    await this.#names.remove(key);
  }

  async drop(id: Digest): Promise<void> {
    await Promise.all([this.#images.remove(id), ...this.namesOf(id).map((key) => this.#names.remove(key))]);
  }
}

/** The stored form of a name. */
export function nameKey(reference: Reference): string {
  const repository = `${reference.domain}/${reference.path}`;
  return reference.digest === undefined
    ? `${repository}:${reference.tag ?? "latest"}`
    : `${repository}@${reference.digest}`;
}

/** Chain ids of a config's layers, base first. */
export function chainOf(config: ImageConfig): readonly Digest[] {
  const chain: Digest[] = [];
  for (const diffId of config.rootfs.diff_ids) chain.push(chainIdOf(chain.at(-1), diffId));
  return chain;
}

/** The name as error texts show it: familiar, with its tag. Throws `invalid` for what is none. */
function named(name: string): string {
  return /^(sha256:)?[0-9a-f]{12,64}$/.test(name) ? name : familiar(withDefaultTag(parseReference(name)));
}
