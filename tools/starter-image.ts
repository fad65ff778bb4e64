import { existsSync, statSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { dockerArchive, starterRecipe } from "@longshore/testkit";

/** Writes the starter image as a docker-archive into the cache; the same busybox gives the same bytes. */
const target = join(import.meta.dirname, "../.cache/starter.tar");
const inputs = [
  import.meta.filename,
  join(import.meta.dirname, "../packages/testkit/src/busybox.ts"),
  join(import.meta.dirname, "../packages/testkit/src/images.ts"),
  join(import.meta.dirname, "../packages/testkit/src/tar.ts"),
  "/bin/busybox",
];

const newest = Math.max(...inputs.filter((path) => existsSync(path)).map((path) => statSync(path).ctimeMs));
if (!existsSync(target) || statSync(target).mtimeMs < newest) {
  const archive = dockerArchive(starterRecipe());
  await mkdir(dirname(target), { recursive: true });
  const before = existsSync(target) ? await readFile(target) : undefined;
  await writeFile(`${target}.new`, archive);
  await rename(`${target}.new`, target);
  if (!before?.equals(archive))
    console.log(`setup: made the starter image from the host's busybox (${archive.length} bytes)`);
}
