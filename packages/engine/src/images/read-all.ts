import type { Blobs } from "#layers";
import type { Digest } from "#spec";

/** A small blob (config, manifest) as a whole. */
export async function readAll(blobs: Blobs, digest: Digest, signal: AbortSignal): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(blobs.read(digest, signal)));
}

/** A blob's first bytes, enough to know its kind; empty for an empty blob. */
export async function headOf(blobs: Blobs, digest: Digest, signal: AbortSignal): Promise<Uint8Array> {
  for await (const chunk of blobs.read(digest, signal)) return chunk;
  return Buffer.alloc(0);
}
