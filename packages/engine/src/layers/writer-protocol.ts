import type { RingMemory } from "./byte-ring.ts";
import type { IndexedFile } from "./layer-writer.ts";

/** What the writer thread begins with; the plain tar comes through the ring. */
export interface WriterData {
  readonly root: string;
  readonly memory: RingMemory;
  /** Keeps the bytes as they come; then an archive out of order is no failure. */
  readonly blobFile?: string;
}

export interface UnpackedTree {
  readonly sizeBytes: number;
  readonly hidesParent?: true;
  /** Folders that the archive needs and doesn't name. */
  readonly implied: readonly string[];
  readonly files: readonly IndexedFile[];
}

/** The writer thread's answer. `tree` is absent for bytes that are no layer. */
export type FromWriter =
  | { readonly kind: "done"; readonly tree?: UnpackedTree }
  | { readonly kind: "failed"; readonly isInvalid: boolean; readonly message: string };
