import { posix } from "node:path";
import type { Container, Docker } from "@longshore/client";
import type {
  ArchiveStat,
  ContainerChange,
  FileContent,
  FolderListing,
  LayerFile,
} from "@longshore/protocol";
import { readTar } from "./tar.ts";

const MOST_ENTRIES = 5_000;
const MOST_ARCHIVE_BYTES = 64 * 1024 * 1024;
const MOST_CONTENT_BYTES = 2 * 1024 * 1024;
const CHANGES = ["modified", "added", "deleted"] as const;

/**
 * Children of one directory of a container. On our engine: the image's tree with the container's changes laid over it, which
 * works for stopped containers and reads nothing but names. Elsewhere, and inside mounts: the engine's tar of that directory.
 */
export async function containerFolder(
  docker: Docker,
  id: string,
  path: string,
  isLongshore: boolean,
  signal: AbortSignal,
): Promise<FolderListing> {
  const container = docker.getContainer(id);
  const details = await container.inspect({ abortSignal: signal });
  const isMounted = details.Mounts.some(
    (m) => path === m.Destination || path.startsWith(`${m.Destination}/`),
  );
  const changes = (await container.changes({ abortSignal: signal })) ?? [];
  if (!isLongshore || isMounted) return markChanges(await folderFromTar(container, path, signal), changes);
  const isNew = changes.some((c) => c.Kind === 1 && (path === c.Path || path.startsWith(`${c.Path}/`)));
  const below = isNew
    ? []
    : (await docker.longshore.imageFiles(details.Image, path, { abortSignal: signal })).entries;
  // What the image brought is unchanged here: the marks tell what the container did.
  const entries = new Map(
    below.map((entry) => [entry.path, { ...entry, change: "unchanged" as LayerFile["change"] }]),
  );
  for (const change of changes) {
    if (posix.dirname(change.Path) !== path || change.Path === "/") continue;
    const old = entries.get(change.Path);
    if (change.Kind === 2) {
      if (old !== undefined) entries.set(change.Path, { ...old, change: "deleted" });
      continue;
    }
    if (entries.size >= MOST_ENTRIES) return { entries: sorted(entries.values()), isCut: true };
    const stat = await container.archiveStat({ path: change.Path, abortSignal: signal });
    const entry = fromStat(change, stat, old);
    entries.set(change.Path, isMountPoint(change.Path) ? { ...entry, change: "unchanged" } : entry);
  }
  return { entries: sorted(entries.values()), isCut: false };
}

/** Places that the engine makes in every container so as to mount there: no work of the container's. */
function isMountPoint(path: string): boolean {
  return /^\/(?:dev|proc|sys|etc\/(?:hostname|hosts|resolv\.conf|mtab)|\.dockerenv)$/.test(path);
}

/** The bytes of one file, up to 2 MiB. */
export async function containerFile(
  docker: Docker,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<FileContent> {
  const entry = await firstFile(docker, id, path, signal);
  return await readContent(entry.content, entry.sizeBytes);
}

/** One regular file of a container as it streams. */
export async function firstFile(
  docker: Docker,
  id: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly sizeBytes: number; readonly content: AsyncIterable<Uint8Array> }> {
  const archive = await docker.getContainer(id).getArchive({ path, abortSignal: signal });
  for await (const { file, content } of keepOpen(readTar(archive))) {
    if (file.type !== "file") {
      archive.destroy();
      throw new Error(`${path} is a ${file.type}, not a file`);
    }
    return { sizeBytes: file.sizeBytes, content };
  }
  throw new Error(`${path} is empty in the archive`);
}

/** Reads at most 2 MiB of content; `isCut` tells that more exists. */
export async function readContent(
  content: AsyncIterable<Uint8Array>,
  sizeBytes: number,
): Promise<FileContent> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content) {
    const room = MOST_CONTENT_BYTES - size;
    chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    size += Math.min(chunk.length, room);
    if (size >= MOST_CONTENT_BYTES) break;
  }
  const whole = Math.max(sizeBytes, size);
  return { bytes: new Uint8Array(Buffer.concat(chunks)), sizeBytes: whole, isCut: whole > size };
}

async function folderFromTar(
  container: Container,
  path: string,
  signal: AbortSignal,
): Promise<FolderListing> {
  const archive = await container.getArchive({
    path: path === "/" ? "/." : `${path}/.`,
    abortSignal: signal,
  });
  const entries = new Map<string, LayerFile>();
  let isCut = false;
  let seenBytes = 0;
  for await (const { file } of readTar(archive)) {
    const child = file.path.slice(1).split("/");
    seenBytes += 512 + file.sizeBytes;
    if (seenBytes > MOST_ARCHIVE_BYTES || entries.size >= MOST_ENTRIES) {
      isCut = true;
      archive.destroy();
      break;
    }
    const [name = ""] = child;
    if (name === "" || child.length > 1) continue;
    const whole = posix.join(path, name);
    entries.set(whole, { ...file, path: whole });
  }
  return { entries: sorted(entries.values()), isCut };
}

/** Without our engine's layers "added" cannot be told from "in the image" by name alone: the container's own changes decide. */
function markChanges(listing: FolderListing, changes: readonly ContainerChange[]): FolderListing {
  const kinds = new Map(changes.map((change) => [change.Path, CHANGES[change.Kind]]));
  return {
    ...listing,
    entries: listing.entries.map((entry) => ({
      ...entry,
      change: kinds.get(entry.path) ?? ("unchanged" as const),
    })),
  };
}

function fromStat(change: ContainerChange, stat: ArchiveStat, old: LayerFile | undefined): LayerFile {
  return {
    path: change.Path,
    type: typeOfMode(stat.mode),
    change: old === undefined ? "added" : "modified",
    sizeBytes: stat.size,
    mode: stat.mode & 0o777,
    uid: old?.uid ?? 0,
    gid: old?.gid ?? 0,
    modifiedAt: stat.mtime,
    ...(stat.linkTarget === "" ? {} : { linkTarget: stat.linkTarget }),
  };
}

/** Go's fs.FileMode: bit 31 directory, 27 symlink, 26 device, 25 named pipe, 24 socket. */
function typeOfMode(mode: number): LayerFile["type"] {
  if ((mode & 0x80000000) !== 0) return "directory";
  if ((mode & 0x08000000) !== 0) return "symlink";
  if ((mode & 0x04000000) !== 0) return "device";
  if ((mode & 0x02000000) !== 0) return "fifo";
  if ((mode & 0x01000000) !== 0) return "socket";
  return "file";
}

function sorted(entries: Iterable<LayerFile>): readonly LayerFile[] {
  const rank = (entry: LayerFile): number => (entry.type === "directory" ? 0 : 1);
  return [...entries].toSorted((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1));
}

/** Iterates without closing the source when the loop is left: its content is read afterwards. */
function keepOpen<T>(source: AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: () => ({ next: () => source.next() }) };
}
