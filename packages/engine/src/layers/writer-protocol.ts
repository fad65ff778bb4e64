import type { IndexedFile } from "./layer-writer.ts";

/** Main to the writer thread. */
export type ToWriter = { readonly kind: "data"; readonly bytes: Uint8Array } | { readonly kind: "end" };

/** The writer thread's answers; `taken` gives credit back. */
export type FromWriter =
  | { readonly kind: "taken"; readonly bytes: number }
  | {
      readonly kind: "done";
      readonly sizeBytes: number;
      readonly hidesParent: boolean;
      readonly implied: readonly string[];
      readonly files: readonly IndexedFile[];
    }
  | { readonly kind: "failed"; readonly isInvalid: boolean; readonly message: string };
