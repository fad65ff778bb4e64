import type { Readable, Writable } from "node:stream";

/** One piece of a container's output without a TTY. */
export interface Frame {
  readonly source: "stdin" | "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

const HEADER_BYTES = 8;
const LARGEST_FRAME_BYTES = 64 * 1024 * 1024;

/**
 * Splits multiplexed output as chunks arrive; a frame longer than its chunk comes out in pieces, so nothing is gathered.
 * Byte 0 = 0 stdin, 1 stdout, 2 stderr, bytes 4-7 = length, big endian. Source: Docker Engine API, attach.
 */
export class FrameSplitter {
  readonly #header: Uint8Array = new Uint8Array(HEADER_BYTES);
  #headerBytes = 0;
  #leftBytes = 0;
  #source: Frame["source"] = "stdout";

  *push(chunk: Uint8Array): Generator<Frame> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#leftBytes === 0) {
        const take = Math.min(HEADER_BYTES - this.#headerBytes, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + take), this.#headerBytes);
        this.#headerBytes += take;
        at += take;
        if (this.#headerBytes < HEADER_BYTES) return;
        this.#headerBytes = 0;
        this.#source = sourceOf(this.#header[0]);
        this.#leftBytes = new DataView(this.#header.buffer).getUint32(4);
        if (this.#leftBytes > LARGEST_FRAME_BYTES)
          throw new Error(`an output frame claims ${this.#leftBytes} bytes: not a multiplexed stream`);
        continue;
      }
      const bytes = chunk.subarray(at, at + this.#leftBytes);
      at += bytes.length;
      this.#leftBytes -= bytes.length;
      yield { source: this.#source, bytes };
    }
  }
}

function sourceOf(byte: number | undefined): Frame["source"] {
  switch (byte) {
    case 0:
      return "stdin";
    case 1:
      return "stdout";
    case 2:
      return "stderr";
    case undefined:
    default:
      throw new Error(`an output frame begins with ${byte}: not a multiplexed stream`);
  }
}

/** Sends the two kinds of output into two writables, as dockerode's `modem.demuxStream`, no faster than they take it. */
export function demuxStream(stream: Readable, stdout: Writable, stderr: Writable): void {
  const splitter = new FrameSplitter();
  const full = new Set<Writable>();
  const waitFor = (output: Writable): void => {
    if (full.has(output)) return;
    full.add(output);
    stream.pause();
    const go = (): void => {
      output.off("drain", go).off("close", go);
      full.delete(output);
      if (full.size === 0) stream.resume();
    };
    output.on("drain", go).on("close", go);
  };
  stream.on("data", (chunk: Buffer) => {
    try {
      for (const frame of splitter.push(chunk)) {
        const output = frame.source === "stderr" ? stderr : stdout;
        if (!output.write(frame.bytes) && !output.destroyed) waitFor(output);
      }
    } catch (error) {
      stream.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
}
