import type { Readable } from "node:stream";
import type {
  Discarded,
  DiscardRequest,
  DiskRef,
  ImageLayers,
  LayerFiles,
  PrunedIntoTrash,
  ReclaimPrediction,
  ReclaimReport,
  ReclaimResult,
  Restored,
  RestoreRequest,
  StarterState,
  TrashEntry,
  TrashLimits,
  TrashReport,
} from "@longshore/protocol";
import type { Abortable } from "./call.ts";
import type { Transport } from "./transport.ts";

/** Longshore's own endpoints. On another engine every method throws a DockerError with status 404. */
export class Longshore {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  imageLayers(name: string, options: Abortable = {}): Promise<ImageLayers> {
    return this.#get(`/images/${encodeURIComponent(name)}/layers`, {}, options);
  }

  /** Children of one directory of the whole image. */
  imageFiles(name: string, path: string, options: Abortable = {}): Promise<LayerFiles> {
    return this.#get(`/images/${encodeURIComponent(name)}/files`, { path }, options);
  }

  /** Children of one directory of one layer. */
  layerFiles(chainId: string, path: string, options: Abortable = {}): Promise<LayerFiles> {
    return this.#get(`/layers/${encodeURIComponent(chainId)}/files`, { path }, options);
  }

  layerFile(chainId: string, path: string, options: Abortable = {}): Promise<Readable> {
    return this.#transport.stream({
      method: "GET",
      path: `/longshore/v1/layers/${encodeURIComponent(chainId)}/file`,
      query: { path },
      signal: options.abortSignal,
    });
  }

  starter(options: Abortable = {}): Promise<StarterState> {
    return this.#get("/starter", {}, options);
  }

  /** Progress lines, as those of an image load. */
  loadStarter(options: Abortable = {}): Promise<Readable> {
    return this.#transport.stream({
      method: "POST",
      path: "/longshore/v1/starter/load",
      signal: options.abortSignal,
    });
  }

  /** Who keeps which bytes of the disk. */
  reclaimReport(options: Abortable = {}): Promise<ReclaimReport> {
    return this.#get("/reclaim", {}, options);
  }

  /** What would come back if all of `items` went. */
  predictReclaim(
    items: readonly Pick<DiskRef, "kind" | "id">[],
    options: Abortable = {},
  ): Promise<ReclaimPrediction> {
    return this.#post("/reclaim/predict", { items }, options);
  }

  /** Removes all of `items` for good. */
  reclaim(items: readonly Pick<DiskRef, "kind" | "id">[], options: Abortable = {}): Promise<ReclaimResult> {
    return this.#post("/reclaim", { items }, options);
  }

  /** What was removed into the trash, oldest first. */
  trash(options: Abortable = {}): Promise<TrashReport> {
    return this.#get("/trash", {}, options);
  }

  trashLimits(options: Abortable = {}): Promise<TrashLimits> {
    return this.#get("/trash/limits", {}, options);
  }

  /** Removes an object into the trash; anything else that removes is for good. */
  discard(what: DiscardRequest, options: Abortable = {}): Promise<Discarded> {
    return this.#post("/trash", what, options);
  }

  /** Docker's prune of one kind, with its filters, into the trash. */
  pruneIntoTrash(
    kind: TrashEntry["kind"],
    filters: Readonly<Record<string, readonly string[]>> = {},
    options: Abortable = {},
  ): Promise<PrunedIntoTrash> {
    return this.#transport.json<PrunedIntoTrash>({
      method: "POST",
      path: "/longshore/v1/trash/prune",
      query: { kind, filters },
      signal: options.abortSignal,
    });
  }

  /** Brings an entry back. A name that was taken meanwhile is a DockerError with status 409: `how` gives another. */
  restore(id: string, how: RestoreRequest = {}, options: Abortable = {}): Promise<Restored> {
    return this.#post(`/trash/${encodeURIComponent(id)}/restore`, how, options);
  }

  /** For good: the entries of these ids, or all. */
  emptyTrash(ids?: readonly string[], options: Abortable = {}): Promise<ReclaimResult> {
    return this.#post("/trash/empty", ids === undefined ? {} : { ids }, options);
  }

  #post<T>(path: string, body: object, options: Abortable): Promise<T> {
    return this.#transport.json<T>({
      method: "POST",
      path: `/longshore/v1${path}`,
      body,
      signal: options.abortSignal,
    });
  }

  #get<T>(path: string, query: Readonly<Record<string, string>>, options: Abortable): Promise<T> {
    return this.#transport.json<T>({
      method: "GET",
      path: `/longshore/v1${path}`,
      query,
      signal: options.abortSignal,
    });
  }
}
