import path from "node:path";

/**
 * Where a worker thread's or a helper program's entry file is. `place` is relative to the caller's source (`./monitor/main.ts`),
 * `from` the caller's import.meta.url. In the sources it lies just there; the bundle is one flat folder, in which the same
 * file is called `monitor-main.js`.
 */
export function programBeside(place: string, from: string): URL {
  if (from.endsWith(".ts")) return new URL(place, from);
  const flat = path.posix.normalize(place).replace(/\.ts$/, "").replaceAll("/", "-");
  return new URL(`./${flat}.js`, from);
}
