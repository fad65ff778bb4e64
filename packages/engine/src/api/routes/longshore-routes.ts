import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { isKind, LongshoreError } from "#kernel";
import type { Image } from "#images";
import type { FileEntry } from "#layers";
import { type Digest, parseDigest } from "#spec";
import type { Call } from "../server/call.ts";
import { progressStream } from "../server/progress-stream.ts";
import type { Route } from "../server/router.ts";
import type { Rooms } from "./rooms.ts";

/** What Docker has no word for: /longshore/v1/... with the same error model. */
export function longshoreRoutes(rooms: Rooms): readonly Route[] {
  const { images, layers, system } = rooms;
  return [
    { method: "GET", path: "/longshore/v1/images/{name*}/layers", handle: (call) => layerStack(rooms, call) },
    {
      method: "GET",
      path: "/longshore/v1/images/{name*}/files",
      handle: async (call) => {
        const image = images.get(call.parameter("name"));
        call.reply(200, { entries: await mergedChildren(rooms, image, folderOf(call), call.signal) });
      },
    },
    {
      method: "GET",
      path: "/longshore/v1/layers/{chainId}/files",
      handle: async (call) => {
        const chainId = knownLayer(rooms, call.parameter("chainId"));
        call.reply(200, { entries: childrenOf(await layers.files(chainId, call.signal), folderOf(call)) });
      },
    },
    {
      method: "GET",
      path: "/longshore/v1/layers/{chainId}/file",
      handle: async (call) => {
        const bytes = layers
          .readFile(knownLayer(rooms, call.parameter("chainId")), call.query.get("path") ?? "", call.signal)
          [Symbol.asyncIterator]();
        // The first piece decides between an error's status and the stream.
        const first = await bytes.next();
        call.startStream("application/octet-stream", { "X-Content-Type-Options": "nosniff" });
        for (let next = first; next.done !== true; next = await bytes.next()) await call.write(next.value);
        call.response.end();
      },
    },
    {
      method: "GET",
      path: "/longshore/v1/starter",
      handle: async (call) => {
        const isThere = await stat(system.starter.file).then(
          () => true,
          () => false,
        );
        call.reply(200, {
          reference: system.starter.reference,
          isLoaded: isLoaded(rooms, system.starter.reference),
          isAvailable: isThere,
        });
      },
    },
    {
      method: "POST",
      path: "/longshore/v1/starter/load",
      handle: async (call) => {
        await stat(system.starter.file).catch((error: unknown) => {
          throw new LongshoreError(
            "not_found",
            `starter image file "${system.starter.file}" is not there; the set-up makes it`,
            { cause: error },
          );
        });
        await progressStream(
          call,
          async (line) =>
            void (await images.load(createReadStream(system.starter.file), {}, line, call.signal)),
        );
      },
    },
  ];
}

function isLoaded(rooms: Rooms, reference: string): boolean {
  try {
    rooms.images.get(reference);
    return true;
  } catch (error) {
    if (isKind(error, "not_found")) return false;
    throw error;
  }
}

function knownLayer(rooms: Rooms, text: string): Digest {
  const chainId = parseDigest(text);
  if (rooms.layers.layer(chainId) === undefined)
    throw new LongshoreError("not_found", `No such layer: ${text}`);
  return chainId;
}

function folderOf(call: Call): string {
  const path = call.query.get("path") ?? "/";
  if (!path.startsWith("/"))
    throw new LongshoreError("invalid", `invalid path "${path}", want an absolute one`);
  return path === "/" ? "" : path.replace(/\/+$/, "");
}

/** A layer may hold a file without its folders (OCI image layer, "changesets"): such a folder is listed, unchanged by the layer. */
function childrenOf(
  files: readonly FileEntry[],
  folder: string,
): readonly (Omit<FileEntry, "change"> & { readonly change: FileEntry["change"] | "unchanged" })[] {
  const below = files.filter(
    (entry) => entry.path.startsWith(`${folder}/`) && entry.path.length > folder.length + 1,
  );
  const isChild = (entry: FileEntry): boolean => !entry.path.slice(folder.length + 1).includes("/");
  const own = below.filter(isChild);
  const known = new Set(own.map((entry) => entry.path));
  const implied = new Map<string, FileEntry>();
  for (const entry of below) {
    const path = `${folder}/${entry.path.slice(folder.length + 1).split("/", 1)[0]}`;
    if (!known.has(path)) implied.set(path, entry);
  }
  return [
    ...own,
    ...[...implied].map(([path, { modifiedAt }]) => ({
      path,
      type: "directory" as const,
      change: "unchanged" as const,
      sizeBytes: 0,
      mode: 0o755,
      uid: 0,
      gid: 0,
      modifiedAt,
    })),
  ];
}

/** One directory of the image as a container sees it; each entry says which layer it comes from. */
async function mergedChildren(
  rooms: Rooms,
  image: Image,
  folder: string,
  signal: AbortSignal,
): Promise<readonly (ReturnType<typeof childrenOf>[number] & { chainId: string })[]> {
  const found = new Map<string, ReturnType<typeof childrenOf>[number] & { chainId: string }>();
  for (const chainId of image.chain) {
    const files = await rooms.layers.files(chainId, signal);
    for (const entry of files)
      if (entry.change === "deleted")
        for (const path of found.keys())
          if (
            path === entry.path ||
            path.startsWith(`${entry.path}/`) ||
            folder === entry.path ||
            folder.startsWith(`${entry.path}/`)
          )
            found.delete(path);
    for (const entry of childrenOf(files, folder))
      if (entry.change === "unchanged" && found.has(entry.path)) continue;
      else if (entry.change !== "deleted") found.set(entry.path, { ...entry, chainId });
  }
  return [...found.values()].toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

async function layerStack(rooms: Rooms, call: Call): Promise<void> {
  const image = rooms.images.get(call.parameter("name"));
  const all = rooms.images.list();
  const containers = rooms.containers.list();
  const imagesById = new Map(all.map((other) => [other.id, other]));
  const history = image.config.history ?? [];
  const chain = [...image.chain];
  const described =
    history.length === 0
      ? image.chain.map(() => ({ created: image.createdAt, created_by: "", comment: "", empty_layer: false }))
      : history;
  const rows: object[] = [];
  for (const entry of described) {
    const isEmpty = entry.empty_layer === true;
    const chainId = isEmpty ? undefined : chain.shift();
    const record = chainId === undefined ? undefined : rooms.layers.layer(chainId);
    const counts = { added: 0, modified: 0, deleted: 0 };
    if (chainId !== undefined)
      for (const { change } of await rooms.layers.files(chainId, call.signal)) counts[change]++;
    rows.push({
      chainId: chainId ?? "",
      diffId: record?.diffId ?? "",
      sizeBytes: record?.sizeBytes ?? 0,
      createdBy: entry.created_by ?? "",
      createdAt: entry.created ?? "",
      comment: entry.comment ?? "",
      isEmpty,
      ...counts,
      sharedWithImages:
        chainId === undefined
          ? []
          : all
              .filter((other) => other.id !== image.id && other.chain.includes(chainId))
              .map((other) => other.repoTags[0] ?? other.id),
      usedByContainers:
        chainId === undefined
          ? []
          : containers
              .filter((container) => imagesById.get(container.imageId)?.chain.includes(chainId) === true)
              .map((container) => container.name),
    });
  }
  call.reply(200, { layers: rows });
}
