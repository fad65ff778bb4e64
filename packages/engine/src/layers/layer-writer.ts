import {
  chownSync,
  closeSync,
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
  constants,
} from "node:fs";
import { makeNode, makeWhiteout, setTimes, setXattr } from "#host";
import { errno, LongshoreError, messageOf } from "#kernel";
import type { TarEntry, TarSink } from "#spec";
import type { FileEntry } from "./contract.ts";

const TYPE_BITS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const MAX_ENTRIES = 5_000_000;

/** A file of the layer for its index; `isWhiteout` marks a deletion, `isOpaque` a directory that hides what is below. */
export interface IndexedFile extends Omit<FileEntry, "change"> {
  readonly isWhiteout?: boolean;
  readonly isOpaque?: boolean;
}

/**
 * Writes a layer's members below the current root directory with synchronous calls only. It runs in a thread that is shut into the layer:
 * whatever a name or link says, it resolves inside. AUFS whiteouts become overlay's. Source: OCI image spec, layer.
 */
export class LayerWriter implements TarSink {
  readonly files: Map<string, IndexedFile> = new Map();
  sizeBytes = 0;
  readonly #directoryTimes: { path: string; nano: bigint }[] = [];
  #fd: number | undefined;
  #current: TarEntry | undefined;
  #path = "";

  entry(entry: TarEntry): void {
    if (this.files.size >= MAX_ENTRIES)
      throw new LongshoreError("invalid", `layer has more than ${MAX_ENTRIES} members`);
    this.#current = entry;
    this.#path = cleanPath(entry.name);
    if (this.#path === "/") {
      if (entry.type === "directory") this.#attributes("/", entry);
      return;
    }
    const slash = this.#path.lastIndexOf("/");
    const base = this.#path.slice(slash + 1);
    const parent = this.#path.slice(0, slash) || "/";
    try {
      this.#makeFolder(parent);
      if (base === OPAQUE) this.#opaque(parent);
      else if (base.startsWith(WHITEOUT))
        this.#whiteout(`${parent === "/" ? "" : parent}/${base.slice(WHITEOUT.length)}`, entry);
      else this.#make(entry);
    } catch (error) {
      throw translated(error, entry);
    }
  }

  data(chunk: Buffer): void {
    if (this.#fd === undefined) return;
    for (let at = 0; at < chunk.length;) at += writeSync(this.#fd, chunk, at);
  }

  end(): void {
    const entry = this.#current;
    if (this.#fd === undefined || entry === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    try {
      this.#attributes(this.#path, entry);
    } catch (error) {
      throw translated(error, entry);
    }
  }

  /** Directory times last: writing into a directory changes them. */
  finish(): void {
    for (const { path, nano } of this.#directoryTimes.toReversed()) {
      try {
        setTimes(path, nano);
      } catch (error) {
        if (errno(error) !== "ENOENT") throw error;
      }
    }
  }

  /** A directory that the archive doesn't name; over a whiteout of the same archive it is opaque. */
  #makeFolder(folder: string): void {
    if (folder === "/" || this.files.get(folder)?.type === "directory") return;
    const parts = folder.split("/");
    for (let depth = 2; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join("/");
      const known = this.files.get(path);
      if (known?.isWhiteout !== true) continue;
      unlinkSync(path);
      mkdirSync(path, 0o755);
      setXattr(path, "trusted.overlay.opaque", Buffer.from("y"));
      const { isWhiteout: _, ...rest } = known;
      this.files.set(path, { ...rest, type: "directory", mode: 0o755, isOpaque: true });
    }
    makeFolder(folder);
  }

  #opaque(folder: string): void {
    // Only what lower layers hold is hidden: this layer's own files stay.
    if (folder !== "/") setXattr(folder, "trusted.overlay.opaque", Buffer.from("y"));
    const known = this.files.get(folder);
    if (known !== undefined) this.files.set(folder, { ...known, isOpaque: true });
  }

  #whiteout(path: string, entry: TarEntry): void {
    if (path.endsWith("/") || path.endsWith("/.") || path.endsWith("/.."))
      throw new LongshoreError("invalid", `invalid whiteout name ${JSON.stringify(entry.name)}`);
    clear(path, false);
    makeWhiteout(path);
    this.files.set(path, { ...indexed(path, entry), isWhiteout: true, sizeBytes: 0 });
  }

  #make(entry: TarEntry): void {
    const path = this.#path;
    const isDirectory = entry.type === "directory";
    const hidBefore = this.files.get(path)?.isWhiteout === true;
    const isThere = clear(path, isDirectory);
    switch (entry.type) {
      case "directory":
        if (!isThere) mkdirSync(path, 0o755);
        // The whiteout is gone now; what it hid must not shine through the new directory.
        if (hidBefore) setXattr(path, "trusted.overlay.opaque", Buffer.from("y"));
        this.#directoryTimes.push({ path, nano: entry.modifiedNano });
        break;
      case "file":
        this.#fd = openSync(
          path,
          constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
          0o600,
        );
        this.sizeBytes += entry.sizeBytes;
        break;
      case "symlink":
        symlinkSync(entry.linkName, path);
        break;
      case "hardlink":
        linkSync(cleanPath(entry.linkName), path);
        break;
      case "character":
      case "block":
      case "fifo":
        // 0:0 would be a whiteout: a hostile layer could hide files without saying so.
        if (entry.type === "character" && entry.major === 0 && entry.minor === 0)
          throw new LongshoreError(
            "invalid",
            `device 0:0 at ${JSON.stringify(entry.name)} is reserved for whiteouts`,
          );
        makeNode(
          path,
          TYPE_BITS[entry.type] | entry.mode,
          entry.type === "fifo" ? 0 : entry.major,
          entry.type === "fifo" ? 0 : entry.minor,
        );
        break;
    }
    if (entry.type !== "file" && entry.type !== "hardlink") this.#attributes(path, entry);
    const linked = entry.type === "hardlink" ? this.files.get(cleanPath(entry.linkName)) : undefined;
    this.files.set(path, {
      ...indexed(path, entry),
      ...(hidBefore && isDirectory && { isOpaque: true }),
      ...(linked !== undefined && { mode: linked.mode, uid: linked.uid, gid: linked.gid }),
    });
  }

  #attributes(path: string, entry: TarEntry): void {
    if (entry.type === "symlink") lchownSync(path, entry.uid, entry.gid);
    else {
      chownSync(path, entry.uid, entry.gid);
      chmodSync(path, entry.mode);
    }
    for (const [name, value] of entry.xattrs) {
      // Overlay's own attributes would change how layers stack; a container may not set trusted ones either.
      if (name.startsWith("trusted.overlay.")) continue;
      try {
        setXattr(path, name, value);
      } catch (error) {
        if (errno(error) !== "ENOTSUP" && errno(error) !== "EOPNOTSUPP") throw error;
      }
    }
    if (entry.type !== "directory" || path === "/") setTimes(path, entry.modifiedNano);
  }
}

/** Absolute, without `.`, `..` and doubled slashes; `..` stops at the root. Throws `invalid` for an empty or NUL name. */
export function cleanPath(name: string): string {
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") parts.pop();
    else parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function makeFolder(folder: string): void {
  if (folder === "/") return;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  } catch (error) {
    if (errno(error) === "EEXIST" || errno(error) === "ENOTDIR" || errno(error) === "ENOENT")
      throw new LongshoreError(
        "invalid",
        `${JSON.stringify(folder)} is not a directory (a file or a dangling link is in the way)`,
        { cause: error },
      );
    throw error;
  }
}

/** Removes what is at `path` (never following it). A directory stays when a directory is wanted: true. */
function clear(path: string, wantsDirectory: boolean): boolean {
  try {
    const stats = lstatSync(path);
    if (stats.isDirectory()) {
      if (wantsDirectory) return true;
      rmSync(path, { recursive: true });
    } else unlinkSync(path);
  } catch (error) {
    if (errno(error) !== "ENOENT") throw error;
  }
  return false;
}

function indexed(path: string, entry: TarEntry): IndexedFile {
  const type = entry.type === "character" || entry.type === "block" ? "device" : entry.type;
  return {
    path,
    type,
    sizeBytes: entry.type === "file" ? entry.sizeBytes : 0,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    modifiedAt: new Date(Number(entry.modifiedNano / 1_000_000n)).toISOString(),
    ...(entry.linkName !== "" && { linkTarget: entry.linkName }),
  };
}

function translated(error: unknown, entry: TarEntry): unknown {
  if (error instanceof LongshoreError) return error;
  const code = errno(error);
  if (code === "ENOSPC" || code === "EDQUOT")
    return new LongshoreError(
      "internal",
      `no space left on device while writing ${JSON.stringify(entry.name)}`,
      { cause: error },
    );
  return new LongshoreError(
    "invalid",
    `layer member ${JSON.stringify(entry.name)} cannot be made: ${messageOf(error)}`,
    { cause: error },
  );
}
