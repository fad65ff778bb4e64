import type { OverlayDirectories, RootBind } from "#host";
import type { PathStat } from "../contract.ts";

/** Whose files the thread works on: a running container's own view, its root alone (no mounts), or a private mount of a stopped one. */
export type View =
  | { readonly kind: "running"; readonly pid: number }
  | { readonly kind: "root"; readonly place: string }
  | {
      readonly kind: "stopped";
      readonly root: OverlayDirectories;
      readonly target: string;
      readonly binds: readonly RootBind[];
      /** Of the root itself. */
      readonly isReadOnly: boolean;
    };

export type Job =
  | { readonly kind: "stat"; readonly path: string }
  | { readonly kind: "read"; readonly path: string }
  | { readonly kind: "export" }
  | { readonly kind: "write"; readonly path: string; readonly isKeepingKind: boolean };

/** Main to thread: `next` asks for the next piece of a read, `data` and `end` feed a write, `stop` ends the thread after what it is at. */
export type ToArchive =
  | { readonly kind: "next" }
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "stop" };

export type FromArchive =
  | { readonly kind: "stat"; readonly stat: PathStat }
  | { readonly kind: "ready" }
  | { readonly kind: "piece"; readonly bytes: Uint8Array }
  | { readonly kind: "taken" }
  | { readonly kind: "done" }
  | {
      readonly kind: "failed";
      readonly errorKind: "invalid" | "not_found" | "forbidden" | "internal" | "gone";
      readonly message: string;
    };
