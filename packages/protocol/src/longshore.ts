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
