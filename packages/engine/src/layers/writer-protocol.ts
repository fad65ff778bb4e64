import type { Digest } from "#spec";
import type { RingMemory } from "./byte-ring.ts";

/** What the writer thread begins with; the archive, plain or compressed, comes through the ring. */
export interface WriterData {
  /** The thread unpacks into this folder, and is shut into it. */
  readonly root: string;
  /** Gets the index of the layer's files. */
  readonly indexFile: string;
  readonly memory: RingMemory;
  /** Keeps the bytes as they come; then an archive out of order is no failure. */
  readonly blob?: {
    readonly file: string;
    /** So many of the first bytes are in it already. */
    readonly hadBytes: number;
  };
  /** The caller knows the digests. */
  readonly isUnhashed?: boolean;
}

export interface UnpackedTree {
  readonly sizeBytes: number;
  readonly hidesParent?: true;
  /** Folders that the archive needs and doesn't name. */
  readonly implied: readonly string[];
}

/** A tree and the digest of its plain archive. */
export interface Unpacked extends UnpackedTree {
  readonly diffId: Digest;
}

/** What the thread made. */
export interface Written {
  /** Absent for bytes that are no layer, and when there was room for the blob only. */
  readonly tree?: UnpackedTree;
  /** Of the bytes as they came, when they were kept. */
  readonly digest?: Digest;
  /** Of the plain bytes. */
  readonly diffId?: Digest;
}

/** The writer thread's answer. */
export type FromWriter =
  | ({ readonly kind: "done" } & Written)
  | {
      readonly kind: "failed";
      readonly isInvalid: boolean;
      readonly message: string;
      /** The errno's name when the disk was full. */
      readonly code?: string;
    };
