import { closeSync, constants, openSync } from "node:fs";
import path from "node:path";
import { makeFifo, readNow } from "#host";
import type { Watcher } from "./watcher.ts";

const FILE = "term";
const nothing = Buffer.alloc(1);

/**
 * A descriptor that an OCI runtime has for its whole term and never uses: descriptor 3, closed in the container. As long as it is open
 * anywhere, the runtime works; a monitor that finds a start interrupted learns from it when the runtime is done, whoever its parent is.
 */
export function openTerm(directory: string): number {
  const file = path.join(directory, FILE);
  makeFifo(file, 0o600);
  const reader = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    return openSync(file, constants.O_WRONLY);
  } finally {
    closeSync(reader);
  }
}

/** Resolves when no runtime works in `directory` any more. */
export async function termEnd(watcher: Watcher, directory: string): Promise<void> {
  const file = path.join(directory, FILE);
  makeFifo(file, 0o600);
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (readNow(fd, nothing) === 0) return;
    await new Promise<void>((resolve) => {
      watcher.watch(fd, () => {
        if (readNow(fd, nothing) === 0) resolve();
        return 0;
      });
    });
  } finally {
    watcher.unwatch(fd);
    closeSync(fd);
  }
}
