import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  ftruncateSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { makeNode, setTimes } from "#host";
import { errno, LongshoreError, messageOf, pathOf } from "#kernel";
import type { TarEntry, TarSink } from "#spec";

const TYPE_BITS = { character: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Unpacks an archive into a directory of the current root (docker cp). Names stay below the directory; links resolve inside the root. */
export class TreeWriter implements TarSink {
  readonly #base: string;
  readonly #isKeepingKind: boolean;
  #fd: number | undefined;
  #position = 0;
  #current: { readonly entry: TarEntry; readonly place: string } | undefined;

  /** Throws `not_found` or `invalid` in Docker's words when `directory` is none. */
  constructor(directory: string, isKeepingKind: boolean) {
    this.#base = directory.replace(/\/+$/, "") || "/";
    this.#isKeepingKind = isKeepingKind;
    try {
      if (!statSync(this.#base).isDirectory())
        throw new LongshoreError("invalid", "extraction point is not a directory");
    } catch (error) {
      if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR")
        throw new LongshoreError("not_found", `Could not find the file ${directory} in container`, {
          cause: error,
        });
      throw error;
    }
  }

  entry(entry: TarEntry): void {
    const name = path.posix.normalize(`/${entry.name}`).replace(/(.)\/$/, "$1");
    const place = name === "/" ? this.#base : `${this.#base === "/" ? "" : this.#base}${name}`;
    this.#current = { entry, place };
    if (name === "/") return;
    try {
      this.#make(entry, place);
    } catch (error) {
      throw translated(error, place);
    }
  }

  data(chunk: Buffer): void {
    if (this.#fd === undefined || this.#current === undefined) return;
    try {
      for (let at = 0; at < chunk.length;) {
        const written = writeSync(this.#fd, chunk, at, chunk.length - at, this.#position);
        at += written;
        this.#position += written;
      }
    } catch (error) {
      throw translated(error, this.#current.place);
    }
  }

  hole(sizeBytes: number): void {
    if (this.#fd === undefined || this.#current === undefined) return;
    this.#position += sizeBytes;
    try {
      ftruncateSync(this.#fd, this.#position);
    } catch (error) {
      throw translated(error, this.#current.place);
    }
  }

  end(): void {
    if (this.#fd === undefined || this.#current === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#attributes(this.#current.place, this.#current.entry);
  }

  #make(entry: TarEntry, place: string): void {
    mkdirSync(pathOf(path.posix.dirname(place)), { recursive: true });
    const isDirectory = entry.type === "directory";
    const before = lstatSync(pathOf(place), { throwIfNoEntry: false });
    if (before !== undefined && this.#isKeepingKind && before.isDirectory() !== isDirectory)
      throw new LongshoreError(
        "invalid",
        `cannot overwrite ${before.isDirectory() ? "directory" : "non-directory"} "${place}" with ${isDirectory ? "directory" : "non-directory"}`,
      );
    if (before !== undefined && !(before.isDirectory() && isDirectory)) {
      if (before.isDirectory()) rmSync(pathOf(place), { recursive: true });
      else unlinkSync(pathOf(place));
    }
    switch (entry.type) {
      case "directory":
        if (before?.isDirectory() !== true) mkdirSync(pathOf(place));
        break;
      case "file":
        this.#fd = openSync(
          pathOf(place),
          constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
          0o600,
        );
        this.#position = 0;
        return;
      case "symlink":
        symlinkSync(pathOf(entry.linkName), pathOf(place));
        break;
      case "hardlink":
        linkSync(
          pathOf(`${this.#base === "/" ? "" : this.#base}${path.posix.normalize(`/${entry.linkName}`)}`),
          pathOf(place),
        );
        return;
      case "character":
      case "block":
      case "fifo":
        makeNode(place, TYPE_BITS[entry.type] | entry.mode, entry.major, entry.minor);
        break;
    }
    this.#attributes(place, entry);
  }

  #attributes(place: string, entry: TarEntry): void {
    if (entry.type === "symlink") lchownSync(pathOf(place), entry.uid, entry.gid);
    else {
      chownSync(pathOf(place), entry.uid, entry.gid);
      chmodSync(pathOf(place), entry.mode);
    }
    setTimes(place, entry.modifiedNano);
  }
}

function translated(error: unknown, place: string): unknown {
  if (error instanceof LongshoreError) return error;
  const code = errno(error);
  if (code === "EROFS")
    return new LongshoreError("forbidden", "container rootfs is marked read-only", { cause: error });
  if (code === "ENOSPC" || code === "EDQUOT")
    return new LongshoreError("internal", `no space left on device while writing "${place}"`, {
      cause: error,
    });
  return new LongshoreError("invalid", `cannot write "${place}": ${messageOf(error)}`, { cause: error });
}
