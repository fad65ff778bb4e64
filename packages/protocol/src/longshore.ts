/** Types of Longshore's own endpoints under `/longshore/v1`: what Docker's API has no word for. */

/** One layer of an image, bottom first in `ImageLayers`. */
export interface LayerSummary {
  readonly chainId: string;
  readonly diffId: string;
  readonly sizeBytes: number;
  /** The instruction that made it, as the image's history tells. */
  readonly createdBy: string;
  readonly createdAt: string;
  readonly comment: string;
  /** True for a step of the history that brought no files. */
  readonly isEmpty: boolean;
  /** Number of paths. */
  readonly added: number;
  readonly modified: number;
  readonly deleted: number;
  readonly sharedWithImages: readonly string[];
  readonly usedByContainers: readonly string[];
}

export interface ImageLayers {
  readonly layers: readonly LayerSummary[];
}

/** A file as a layer, the whole image or a container holds it; "unchanged" only in merged trees and for folders that a layer implies. */
export interface LayerFile {
  readonly path: string;
  readonly type: "file" | "directory" | "symlink" | "hardlink" | "device" | "fifo" | "socket";
  readonly change: "added" | "modified" | "deleted" | "unchanged";
  readonly sizeBytes: number;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: string;
  readonly linkTarget?: string;
  /** In a merged tree: the layer that holds it. */
  readonly chainId?: string;
}

export interface LayerFiles {
  readonly entries: readonly LayerFile[];
}

/** The image that makes the first run work without a registry. */
export interface StarterState {
  readonly reference: string;
  readonly isLoaded: boolean;
  /** False when the set-up has not made its file. */
  readonly isAvailable: boolean;
}

/** An object that takes room on the disk. `id` of a volume is its name; "trash" is an entry of the trash. */
export interface DiskRef {
  readonly kind: "container" | "image" | "volume" | "trash";
  readonly id: string;
  readonly name: string;
}

/** The last use that is known, RFC 3339, and how it is known; "event" reaches back no further than the engine's start. */
export interface LastUse {
  readonly at: string;
  readonly from: "running" | "ended" | "created" | "tagged" | "event";
}

/**
 * What it takes to have an object again. "pull": its registry has it; "recreate": nothing was written in it;
 * "lost": nobody can give it back; "elsewhere": its data is not on this disk.
 */
export type ReclaimCost =
  | { readonly kind: "pull"; readonly reference: string; readonly downloadBytes: number }
  | { readonly kind: "recreate" | "lost" | "elsewhere" };

/** One line of the reclaim ledger. Bytes are blocks on the disk. */
export interface ReclaimItem extends DiskRef {
  /** Come back when this object goes alone. */
  readonly exclusiveBytes: number;
  /** Stay then, since `sharedWith` need them too. */
  readonly sharedBytes: number;
  readonly sharedWith: readonly DiskRef[];
  readonly lastUse?: LastUse;
  readonly cost: ReclaimCost;
}

export interface ReclaimLayer {
  readonly chainId: string;
  readonly diskBytes: number;
  /** The layer's compressed original. */
  readonly archiveBytes: number;
  readonly neededBy: readonly DiskRef[];
}

/** The file system of the engine's data. */
export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface ReclaimReport {
  readonly items: readonly ReclaimItem[];
  readonly layers: readonly ReclaimLayer[];
  /** What came of downloads that broke off: it goes after a day, and with an image prune. Absent from older engines. */
  readonly partialBytes?: number;
  readonly disk: DiskSpace;
}

/** What the removal of a set would give back: less than its members' sum when others share, more when only they share. */
export interface ReclaimPrediction {
  readonly predictedBytes: number;
  /** Members that would be refused, with what is in their way; they are not in the prediction. */
  readonly blocked: readonly {
    readonly ref: DiskRef;
    readonly why: string;
    readonly by: readonly DiskRef[];
  }[];
}

export interface ReclaimResult {
  readonly predictedBytes: number;
  /** What the file system has more of than before; whoever else writes there is in it. */
  readonly measuredBytes: number;
  readonly removed: readonly DiskRef[];
  readonly failed: readonly { readonly ref: DiskRef; readonly message: string }[];
  readonly disk: DiskSpace;
}

/** One removal that can be taken back. */
export interface TrashEntry {
  readonly id: string;
  readonly kind: "container" | "image" | "volume";
  readonly name: string;
  /** RFC 3339. */
  readonly removedAt: string;
  /** When its age ends it; the quota or a full disk may do so before, oldest first. */
  readonly expiresAt: string;
  /** Come back when it alone is emptied. */
  readonly exclusiveBytes: number;
  /** What was removed since and comes back with it. */
  readonly brings: readonly { readonly kind: "image" | "volume"; readonly name: string }[];
}

/** GET /longshore/v1/trash/limits: what the trash promises, without a look at what is in it. */
export interface TrashLimits {
  /** 0: the trash is off. */
  readonly quotaBytes: number;
  readonly maxAgeSeconds: number;
}

/** GET /longshore/v1/trash. */
export interface TrashReport extends TrashLimits {
  /** Oldest first. */
  readonly entries: readonly TrashEntry[];
  /** Come back when the whole trash is emptied. */
  readonly usedBytes: number;
}

/** POST /longshore/v1/trash: a removal into the trash. */
export interface DiscardRequest {
  readonly kind: TrashEntry["kind"];
  /** Id or name, as the Docker API takes it. */
  readonly id: string;
  readonly isForced?: boolean;
  /** A container's anonymous volumes go with it, and come back with it. */
  readonly hasVolumes?: boolean;
}

/** The entry; without an id nothing was removed. */
export interface Discarded {
  readonly id?: string;
}

/** POST /longshore/v1/trash/ID/restore. */
export interface RestoreRequest {
  /** Another name for the object; of an image in place of the names that were taken. */
  readonly name?: string;
  /** Other names for volumes that come back with a container, by their own. */
  readonly volumes?: Readonly<Record<string, string>>;
}

export interface Restored {
  readonly kind: TrashEntry["kind"];
  readonly name: string;
  /** What is not as it was, in sentences. */
  readonly warnings: readonly string[];
}

/** POST /longshore/v1/trash/prune?kind=KIND&filters=FILTERS, filters as Docker's prune takes them: the ids of the entries. */
export interface PrunedIntoTrash {
  readonly ids: readonly string[];
}
