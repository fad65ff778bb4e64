import { LongshoreError } from "./errors.ts";

export const KiB = 1024;
export const MiB: number = 1024 * KiB;

/** Collects `source`; throws `invalid` naming `what` when it grows over `limitBytes`. */
export async function readAtMost(
  source: AsyncIterable<Uint8Array>,
  limitBytes: number,
  what: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of source) {
    sizeBytes += chunk.byteLength;
    if (sizeBytes > limitBytes)
      throw new LongshoreError("invalid", `${what} is larger than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, sizeBytes);
}
