import {
  type Digest,
  digestOf,
  familiar,
  hexOf,
  parseReference,
  TAR_END,
  type TarEntry,
  tarHeader,
  tarMember,
  tarPadding,
} from "#spec";
import type { ImagesContext } from "./context.ts";
import { readAll } from "./read-all.ts";
import { chainOf } from "./image-book.ts";

const EPOCH: Omit<TarEntry, "name" | "sizeBytes" | "type"> = {
  mode: 0o644,
  uid: 0,
  gid: 0,
  modifiedNano: 0n,
  linkName: "",
  major: 0,
  minor: 0,
  xattrs: new Map(),
};
const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";

/** A docker-archive that is an OCI layout too. Layers travel as the bytes they came in (compressed or not), each once. */
export async function* saveArchive(
  context: ImagesContext,
  names: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { layers } = context;
  const written = new Set<Digest>();
  const manifests: object[] = [];
  const legacy: object[] = [];
  for (const directory of ["blobs/", "blobs/sha256/"])
    yield tarMember({ ...EPOCH, mode: 0o755, name: directory, type: "directory", sizeBytes: 0 });
  for (const [id, tags] of wantedImages(context, names)) {
    const image = context.book.get(id);
    const configBytes = await readAll(layers.blobs, id, signal);
    const descriptors: { mediaType: string; digest: Digest; size: number }[] = [];
    for (const chainId of chainOf(image.config)) {
      const blob = layers.layer(chainId)?.blob;
      if (blob === undefined) continue;
      descriptors.push({ mediaType: blob.mediaType, digest: blob.digest, size: blob.sizeBytes });
      if (written.has(blob.digest)) continue;
      written.add(blob.digest);
      yield tarHeader({
        ...EPOCH,
        name: `blobs/sha256/${hexOf(blob.digest)}`,
        type: "file",
        sizeBytes: blob.sizeBytes,
      });
      yield* layers.blobs.read(blob.digest, signal);
      yield tarPadding(blob.sizeBytes);
    }
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST_TYPE,
        config: {
          mediaType: "application/vnd.oci.image.config.v1+json",
          digest: id,
          size: configBytes.length,
        },
        layers: descriptors,
      }),
    );
    const manifestDigest = digestOf(manifest);
    for (const [digest, bytes] of [
      [id, configBytes],
      [manifestDigest, manifest],
    ] as const) {
      if (written.has(digest)) continue;
      written.add(digest);
      yield tarMember(
        { ...EPOCH, name: `blobs/sha256/${hexOf(digest)}`, type: "file", sizeBytes: bytes.length },
        bytes,
      );
    }
    const base = {
      mediaType: MANIFEST_TYPE,
      digest: manifestDigest,
      size: manifest.length,
      platform: { architecture: image.config.architecture, os: image.config.os },
    };
    if (tags.length === 0) manifests.push(base);
    for (const tag of tags) {
      const reference = parseReference(tag);
      manifests.push({
        ...base,
        annotations: {
          "io.containerd.image.name": `${reference.domain}/${reference.path}:${reference.tag ?? "latest"}`,
          "org.opencontainers.image.ref.name": reference.tag ?? "latest",
        },
      });
    }
    legacy.push({
      Config: `blobs/sha256/${hexOf(id)}`,
      RepoTags: tags.length === 0 ? null : tags,
      Layers: descriptors.map(({ digest }) => `blobs/sha256/${hexOf(digest)}`),
    });
    context.publish(id, "save", id);
  }
  const documents = {
    "oci-layout": { imageLayoutVersion: "1.0.0" },
    "index.json": { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests },
    "manifest.json": legacy,
  };
  for (const [name, value] of Object.entries(documents)) {
    const bytes = Buffer.from(JSON.stringify(value));
    yield tarMember({ ...EPOCH, name, type: "file", sizeBytes: bytes.length }, bytes);
  }
  yield TAR_END;
}

/** Images with the tags asked for: by tag only that one, by bare repository name its `latest`, by id none. */
function wantedImages(
  context: ImagesContext,
  names: readonly string[],
): ReadonlyMap<Digest, readonly string[]> {
  const wanted = new Map<Digest, string[]>();
  for (const name of names) {
    const image = context.book.get(name);
    const tags = wanted.get(image.id) ?? [];
    wanted.set(image.id, tags);
    const own = image.repoTags.find((tag) => tag === name || tag === `${name}:latest` || sameName(tag, name));
    if (own !== undefined && !tags.includes(own)) tags.push(own);
  }
  return wanted;
}

function sameName(tag: string, name: string): boolean {
  try {
    return familiar(parseReference(name)) === tag;
  } catch {
    return false;
  }
}
