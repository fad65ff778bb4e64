import {
  chownSync,
  closeSync,
  chmodSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeSync,
  constants,
} from "node:fs";
import { makeNode, makeWhiteout, setTimes, setXattr } from "#host";
import { errno, LongshoreError, messageOf, nameBytes, nameOf, pathOf } from "#kernel";
import type { TarEntry, TarSink } from "#spec";
import type { FileEntry } from "./contract.ts";
import { isWhiteout, OPAQUE_XATTR } from "./merged.ts";

const TYPE_BITS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;
const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
/** AUFS kept its own files under such names; they mean nothing elsewhere. */
const AUFS_OWN = ".wh..wh.";
/** The index travels as one text: it must stay below what a string can hold (V8: 2^29 characters). */
const MAX_INDEX_CHARS = 400_000_000;
const INDEX_CHARS_PER_FILE = 200;
/** uid -1 tells chown(2) to change nothing. */
const MAX_OWNER = 0xffff_fffe;

const PERMISSIONS = 0o777;
const SET_GROUP_ID = 0o2000;
const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

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
  /** Folders that members need and the archive doesn't name: the caller gives them the attributes they have below. */
  readonly implied: Set<string> = new Set();
  sizeBytes = 0;
  /** The root is opaque. */
  hidesParent = false;
  readonly #directoryTimes = new Map<string, bigint>();
  /** What open(2) and mkdir(2) take away from a mode. */
  readonly #mask = process.umask();
  /** A folder may hand its group on to what is made in it. */
  #isGroupHandedOn = false;
  /** What is being made was not there before: it has the owner of this process and the mode it was made with. */
  #isFresh = false;
  /** Folders as members name them, and where they are. */
  #folders = new Map<string, string>();
  #indexChars = 0;
  #fd: number | undefined;
  #position = 0;
  #current: TarEntry | undefined;
  #path = "";

  entry(entry: TarEntry): void {
    this.#indexChars += entry.name.length + entry.linkName.length + INDEX_CHARS_PER_FILE;
    if (this.#indexChars > MAX_INDEX_CHARS)
      throw new LongshoreError("invalid", `layer has too many members: more than ${this.files.size}`);
    for (const owner of [entry.uid, entry.gid])
      if (owner > MAX_OWNER)
        throw new LongshoreError(
          "invalid",
          `layer member ${JSON.stringify(entry.name)} has owner ${owner}, want at most ${MAX_OWNER}`,
        );
    this.#current = entry;
    const path = cleanPath(entry.name);
    if (path === "/") {
      if (entry.type !== "directory")
        throw new LongshoreError("invalid", `layer's root ${JSON.stringify(entry.name)} is a ${entry.type}`);
      this.#attributes("/", entry);
      return;
    }
    const slash = path.lastIndexOf("/");
    const base = path.slice(slash + 1);
    if (path.includes(`/${AUFS_OWN}`) && base !== OPAQUE) return;
    try {
      const parent = this.#folder(path.slice(0, slash));
      this.#path = `${parent}/${base}`;
      if (base === OPAQUE) this.#opaque(parent, entry);
      else if (base.startsWith(WHITEOUT)) this.#whiteout(parent, base.slice(WHITEOUT.length), entry);
      else this.#make(entry);
    } catch (error) {
      throw translated(error, entry);
    }
  }

  data(chunk: Buffer): void {
    if (this.#fd === undefined) return;
    try {
      for (let at = 0; at < chunk.length;) {
        const written = writeSync(this.#fd, chunk, at, chunk.length - at, this.#position);
        at += written;
        this.#position += written;
      }
    } catch (error) {
      throw this.#current === undefined ? error : translated(error, this.#current);
    }
  }

  hole(sizeBytes: number): void {
    if (this.#fd === undefined) return;
    this.#position += sizeBytes;
    try {
      ftruncateSync(this.#fd, this.#position);
    } catch (error) {
      throw this.#current === undefined ? error : translated(error, this.#current);
    }
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

  /** Closes the file that was being written: what was made so far is for the caller to remove. */
  abandon(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  /** Directory times last: writing into a directory changes them. */
  finish(): void {
    for (const [path, nano] of this.#directoryTimes) setTimes(path, nano);
  }

  /** Where a member's folder is: links on the way are followed (inside the layer), what is missing is made. "" is the root. */
  #folder(named: string): string {
    const known = this.#folders.get(named);
    if (known !== undefined) return known;
    let place = "";
    for (const part of named.split("/").slice(1)) place = this.#step(`${place}/${part}`);
    this.#folders.set(named, place);
    return place;
  }

  #step(path: string): string {
    const stats = lstatSync(pathOf(path), { throwIfNoEntry: false });
    if (stats === undefined) {
      mkdirSync(pathOf(path), 0o755);
      this.implied.add(path);
      return path;
    }
    if (stats.isDirectory()) return path;
    const known = this.files.get(path);
    if (known?.isWhiteout === true) {
      unlinkSync(pathOf(path));
      mkdirSync(pathOf(path), 0o755);
      setXattr(path, OPAQUE_XATTR, Buffer.from("y"));
      const { isWhiteout: _, ...rest } = known;
      this.files.set(path, { ...rest, type: "directory", mode: 0o755, isOpaque: true });
      return path;
    }
    try {
      const real = nameOf(realpathSync.native(pathOf(path), "buffer"));
      if (stats.isSymbolicLink() && lstatSync(pathOf(real)).isDirectory()) return real === "/" ? "" : real;
    } catch (error) {
      if (!["ENOENT", "ENOTDIR", "ELOOP"].includes(errno(error) ?? "")) throw error;
    }
    throw new LongshoreError(
      "invalid",
      `${JSON.stringify(path)} is not a directory (a file or a dangling link is in the way)`,
    );
  }

  /** Only what lower layers hold is hidden: this layer's own files stay. */
  #opaque(folder: string, entry: TarEntry): void {
    if (folder === "") {
      this.hidesParent = true;
      return;
    }
    setXattr(folder, OPAQUE_XATTR, Buffer.from("y"));
    const known = this.files.get(folder) ?? {
      ...indexed(folder, entry),
      type: "directory",
      sizeBytes: 0,
      mode: 0o755,
    };
    this.files.set(folder, { ...known, isOpaque: true });
  }

  #whiteout(parent: string, base: string, entry: TarEntry): void {
    if (base === "" || base === "." || base === "..")
      throw new LongshoreError("invalid", `invalid whiteout name ${JSON.stringify(entry.name)}`);
    const path = `${parent}/${base}`;
    this.#clear(path, false);
    makeWhiteout(path);
    this.files.set(path, { ...indexed(path, entry), isWhiteout: true, sizeBytes: 0 });
  }

  /** Removes what is at `path` (never following it). A directory stays when a directory is wanted: true. */
  #clear(path: string, wantsDirectory: boolean): boolean {
    const stats = lstatSync(pathOf(path), { throwIfNoEntry: false });
    if (stats === undefined) return false;
    if (!stats.isDirectory()) {
      if (stats.isSymbolicLink()) this.#folders.clear();
      unlinkSync(pathOf(path));
      this.#forget(path);
      return false;
    }
    if (wantsDirectory) return true;
    this.#folders.clear();
    this.#forgetBelow(path);
    rmSync(pathOf(path), { recursive: true });
    this.#forget(path);
    return false;
  }

  #forgetBelow(folder: string): void {
    for (const name of readdirSync(pathOf(folder), "buffer").map(nameOf)) {
      const path = `${folder}/${name}`;
      if (lstatSync(pathOf(path)).isDirectory()) this.#forgetBelow(path);
      this.#forget(path);
    }
  }

  #forget(path: string): void {
    const known = this.files.get(path);
    if (known?.type === "file" && known.isWhiteout !== true) this.sizeBytes -= known.sizeBytes;
    if (known?.type === "symlink" && known.isWhiteout !== true)
      this.sizeBytes -= linkBytes(known.linkTarget ?? "");
    this.files.delete(path);
    this.implied.delete(path);
    this.#directoryTimes.delete(path);
  }

  #make(entry: TarEntry): void {
    const path = this.#path;
    const isDirectory = entry.type === "directory";
    const hidBefore = this.files.get(path)?.isWhiteout === true;
    // Of the many files and folders nearly none is there before: asked only when the system says so.
    const isNew = isDirectory || entry.type === "file";
    if (!isNew) this.#clear(path, false);
    switch (entry.type) {
      case "directory":
        this.#isFresh = isMade(() => mkdirSync(pathOf(path), entry.mode & PERMISSIONS));
        if (!this.#isFresh && !this.#clear(path, true)) mkdirSync(pathOf(path), entry.mode & PERMISSIONS);
        // The whiteout is gone now; what it hid must not shine through the new directory.
        if (hidBefore) setXattr(path, OPAQUE_XATTR, Buffer.from("y"));
        this.implied.delete(path);
        this.#directoryTimes.set(path, entry.modifiedNano);
        break;
      case "file":
        this.#isFresh = isMade(() => this.#open(path, entry));
        if (!this.#isFresh) {
          this.#clear(path, false);
          this.#open(path, entry);
        }
        this.#position = 0;
        this.sizeBytes += entry.sizeBytes;
        break;
      case "symlink":
        symlinkSync(pathOf(entry.linkName), pathOf(path));
        this.sizeBytes += linkBytes(entry.linkName);
        break;
      case "hardlink":
        linkTo(cleanPath(entry.linkName), path);
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

  #open(path: string, entry: TarEntry): void {
    this.#fd = openSync(pathOf(path), NEW_FILE, entry.mode & PERMISSIONS);
  }

  #attributes(path: string, entry: TarEntry): void {
    const { type, uid, gid, mode } = entry;
    const isFresh = this.#isFresh;
    this.#isFresh = false;
    if (type === "symlink") lchownSync(pathOf(path), uid, gid);
    else {
      const isOurs = isFresh && uid === 0 && gid === 0 && !this.#isGroupHandedOn;
      if (!isOurs) chownSync(pathOf(path), uid, gid);
      if (!isFresh || (mode & ~this.#mask & PERMISSIONS) !== mode) chmodSync(pathOf(path), mode);
    }
    if (type === "directory" && (gid !== 0 || (mode & SET_GROUP_ID) !== 0)) this.#isGroupHandedOn = true;
    for (const [name, value] of entry.xattrs) {
      // Overlay's own attributes would change how layers stack; a container may not set trusted ones either.
      if (name.startsWith("trusted.overlay.") || name.startsWith("user.overlay.")) continue;
      try {
        setXattr(path, name, value);
      } catch (error) {
        // As Docker: what the file system or the kind of file can't carry is left out.
        if (!["ENOTSUP", "EOPNOTSUPP", "EPERM"].includes(errno(error) ?? "")) throw error;
      }
    }
    if (entry.type !== "directory" || path === "/") setTimes(path, entry.modifiedNano);
  }
}

/** False when something of that name is there. */
function isMade(make: () => void): boolean {
  try {
    make();
    return true;
  } catch (error) {
    if (errno(error) === "EEXIST") return false;
    throw error;
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

/** A link's size is its target's length: Docker counts it as lstat(2) tells it. */
const linkBytes = (target: string): number => nameBytes(target).length;

/** A whiteout under a second name would hide files without saying so. */
function linkTo(target: string, path: string): void {
  const stats = lstatSync(pathOf(target), { throwIfNoEntry: false });
  if (stats !== undefined && isWhiteout(stats))
    throw new LongshoreError("invalid", `hard link ${JSON.stringify(path)} names a whiteout`);
  linkSync(pathOf(target), pathOf(path));
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
