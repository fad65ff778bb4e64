import { lstat, readdir, readFile, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { dockerignore } from "./dockerignore.ts";
import { tarFile, tarHeader } from "./tar-write.ts";

/** A folder, and what of it (files and folders, relative to it) goes to the engine. */
export interface BuildContext {
  readonly context: string;
  readonly src: readonly string[];
}

/** A tar of the context, without what its .dockerignore names. Throws what the file system throws. */
export async function* packContext({ context, src }: BuildContext): AsyncGenerator<Uint8Array> {
  const text = await readFile(join(context, ".dockerignore"), "utf8").catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return "";
      throw error;
    },
  );
  const isIgnored = dockerignore(text);
  for (const name of src) yield* pack(context, posix.normalize(name).replace(/\/$/, ""), isIgnored);
  yield new Uint8Array(1024);
}

async function* pack(
  context: string,
  name: string,
  isIgnored: (path: string) => boolean,
): AsyncGenerator<Uint8Array> {
  const path = join(context, name);
  const found = await lstat(path);
  const head = { mode: found.mode & 0o7777, modifiedMs: found.mtimeMs };
  if (found.isDirectory()) {
    // A folder that stays out may hold a file that a later rule keeps.
    if (name !== "." && !isIgnored(name))
      yield tarHeader({ ...head, name: `${name}/`, sizeBytes: 0, kind: "folder" });
    for (const child of (await readdir(path)).sort())
      yield* pack(context, posix.join(name, child), isIgnored);
  } else if (isIgnored(name)) return;
  else if (found.isSymbolicLink())
    yield tarHeader({ ...head, name, sizeBytes: 0, kind: "link", target: await readlink(path) });
  else if (found.isFile()) yield* tarFile(path, { ...head, name, sizeBytes: found.size });
}
