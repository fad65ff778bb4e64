import { realpathSync, statSync } from "node:fs";
import { realpath } from "node:fs/promises";
import path from "node:path";
import { errno, LongshoreError } from "#kernel";
import type { Mounts } from "../contract.ts";

/** A mount table over the real tree: folders and links are the machine's, what is mounted on them is remembered and hides nothing. It knows tmpfs and bind mounts. */
export class FakeMounts implements Mounts {
  /** Newest last; several may lie on one place. */
  readonly #table: { readonly place: string; readonly source: string }[] = [];

  /** Mount points at or below `folder`, oldest first. */
  below(folder: string): readonly string[] {
    return this.#table
      .map(({ place }) => place)
      .filter((place) => place === folder || place.startsWith(`${folder}/`));
  }

  mountTmpfs(target: string): void {
    this.#table.push({ place: realpathSync(target), source: "shm" });
  }

  unmount(target: string): void {
    try {
      this.#pop(realpathSync(target));
    } catch (error) {
      if (errno(error) !== "ENOENT") throw error;
    }
  }

  async mountDevice(what: Parameters<Mounts["mountDevice"]>[0], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { device, type, options, target } = what;
    const refusal = (why: string): LongshoreError =>
      new LongshoreError("internal", `mount: mount: ${target}: ${why}`);
    if (!exists(target)) throw refusal("mount point does not exist.");
    const isBind = options.split(",").some((option) => option === "bind" || option === "rbind");
    if (!isBind && type !== "tmpfs") throw refusal(`unknown filesystem type '${type}'.`);
    if (isBind && !exists(path.resolve(device))) throw refusal(`special device ${device} does not exist.`);
    this.#table.push({ place: realpathSync(target), source: device });
  }

  async unmountDevice(target: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (!exists(target) || !this.#pop(realpathSync(target)))
      throw new LongshoreError("internal", `umount: umount: ${target}: not mounted.`);
  }

  async isMountPoint(target: string): Promise<boolean> {
    const real = await realpath(target);
    return this.#table.some(({ place }) => place === real);
  }

  #pop(place: string): boolean {
    const at = this.#table.findLastIndex((mount) => mount.place === place);
    if (at >= 0) this.#table.splice(at, 1);
    return at >= 0;
  }
}

const exists = (place: string): boolean => statSync(place, { throwIfNoEntry: false }) !== undefined;
