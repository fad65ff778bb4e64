import { throughProgram } from "#host";
import { compressionOf, headOf, startingWith } from "./plain-bytes.ts";

/** A hostile header may ask for 4 GiB; xz -9 makes what needs 65 MiB. */
const XZ_MEMORY = "512MiB";
const PROGRAMS = {
  xz: { name: "xz", given: ["-dcq", `--memlimit-decompress=${XZ_MEMORY}`], package: "xz-utils" },
  bzip2: { name: "bzip2", given: ["-dc"], package: "bzip2" },
} as const;

/**
 * Plain bytes where a stream came by xz or bzip2, which no registry takes; everything else as it is. Dockerd, too, leaves xz to the program of
 * that name. For the main thread only. Throws `invalid` for broken data, `unavailable` where the program is missing.
 */
export async function* withoutRareCompression(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const head = await headOf(iterator);
    const kind = compressionOf(head);
    const whole = startingWith(head, iterator);
    if (kind === "xz" || kind === "bzip2") yield* throughProgram(PROGRAMS[kind], whole, signal);
    else yield* whole;
  } finally {
    await iterator.return?.();
  }
}
