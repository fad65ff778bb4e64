import { PassThrough, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { LongshoreError, messageOf, MiB } from "#kernel";
import { type FramePart, ZstdFrames } from "./zstd-frames.ts";

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

const HEAD_BYTES = 6;

/** By the first six bytes. Source: RFC 1952, RFC 8878, the XZ and bzip2 formats. */
export function compressionOf(head: Uint8Array): Compression {
  const hex = Buffer.from(head.subarray(0, HEAD_BYTES)).toString("hex");
  if (hex.startsWith("1f8b")) return "gzip";
  // A skippable frame may come first.
  if (hex.startsWith("28b52ffd") || /^5.2a4d18/.test(hex)) return "zstd";
  if (hex === "fd377a585a00") return "xz";
  return hex.startsWith("425a68") ? "bzip2" : "none";
}

/** The first bytes in one piece, however small the chunks are; a chunk alone is not copied. */
export async function headOf(iterator: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let sizeBytes = 0; sizeBytes < HEAD_BYTES;) {
    const next = await iterator.next();
    if (next.done === true) break;
    pieces.push(next.value.byteLength < HEAD_BYTES ? Buffer.from(next.value) : next.value);
    sizeBytes += next.value.byteLength;
  }
  return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces);
}

/**
 * The plain bytes of a stream that may be compressed; `onKind` is told before the first of them. A chunk of the source must stay as it is until
 * the next one is asked for, no longer. Throws `invalid` for broken compression.
 */
export async function* plainBytes(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  onKind?: (kind: Compression) => void,
): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  try {
    const head = await headOf(iterator);
    const kind = compressionOf(head);
    const whole = startingWith(head, iterator);
    if (kind === "xz" || kind === "bzip2")
      throw new LongshoreError(
        "invalid",
        `${kind} compression is not supported here, want gzip, zstd or none`,
      );
    onKind?.(kind);
    if (kind === "none") for await (const chunk of whole) yield asBuffer(chunk);
    else if (kind === "gzip") yield* decompressed(whole, kind, signal);
    else for await (const frame of framesOf(whole)) yield* decompressed(frame, kind, signal);
  } finally {
    // Whoever stops early: a blob's file must not stay open.
    await iterator.return?.();
  }
}

export async function* startingWith(
  head: Uint8Array,
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (head.byteLength > 0) yield head;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
}

async function* decompressed(
  source: AsyncIterable<Uint8Array>,
  kind: "gzip" | "zstd",
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  // 1 MiB chunks: the default of 16 KiB halves gzip's speed and quarters zstd's (facts/host).
  const decompressor =
    kind === "gzip" ? createGunzip({ chunkSize: MiB }) : createZstdDecompress({ chunkSize: MiB });
  const out = new PassThrough({ highWaterMark: 2 * MiB });
  const running = pipeline(Readable.from(copied(source), { objectMode: false }), decompressor, out, {
    signal,
  });
  running.catch(() => {});
  try {
    for await (const chunk of out) yield chunk as Buffer;
    await running;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof LongshoreError) throw error;
    throw new LongshoreError("invalid", `${kind} data is broken: ${messageOf(error)}`, { cause: error });
  }
}

/** The decompressor holds what it was given while the next chunk is asked for. */
async function* copied(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of source) yield Buffer.from(chunk);
}

/** The frames of a zstd stream one after the other; each must be read before the next. */
async function* framesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<AsyncGenerator<Buffer>> {
  const parts = partsOf(source);
  for (let next = await parts.next(); next.done !== true; next = await parts.next())
    yield frameFrom(next.value, parts);
}

async function* frameFrom(first: FramePart, parts: AsyncGenerator<FramePart>): AsyncGenerator<Buffer> {
  for (let part = first; ;) {
    if (part.bytes.length > 0) yield part.bytes;
    if (part.isEnd) return;
    const next = await parts.next();
    if (next.done === true) return;
    part = next.value;
  }
}

async function* partsOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<FramePart> {
  const frames = new ZstdFrames();
  for await (const chunk of source) yield* frames.push(asBuffer(chunk));
  frames.finish();
}

const asBuffer = (chunk: Uint8Array): Buffer =>
  Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
