import { LongshoreError } from "#kernel";

const FRAME_MAGIC = 0xfd2f_b528;
const SKIP_MAGIC = 0x184d_2a50;
const refuse = (why: string): LongshoreError => new LongshoreError("invalid", `zstd data is broken: ${why}`);

/** A part of a frame; the frame's last part has `isEnd`. */
export interface FramePart {
  readonly bytes: Buffer;
  readonly isEnd: boolean;
}

/**
 * Cuts a zstd stream into its frames without decompressing: Node's decompressor ends with the first one, but archives made for lazy pulls have
 * thousands. Skippable frames are left out. Throws `invalid` for what is no frame. Source: RFC 8878, section 3.
 */
export class ZstdFrames {
  #pending: Buffer = Buffer.alloc(0);
  #state: "frame" | "block" | "end" = "frame";
  /** Bytes to pass on or to skip before the next thing to look at. */
  #passing = 0;
  #skipping = 0;
  #hasChecksum = false;

  push(chunk: Buffer): FramePart[] {
    const parts: FramePart[] = [];
    let rest = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    for (;;) {
      if (this.#skipping > 0) {
        const skipped = Math.min(this.#skipping, rest.length);
        this.#skipping -= skipped;
        rest = rest.subarray(skipped);
      }
      if (this.#passing > 0) {
        const bytes = rest.subarray(0, this.#passing);
        this.#passing -= bytes.length;
        rest = rest.subarray(bytes.length);
        if (bytes.length > 0) parts.push({ bytes, isEnd: false });
      }
      if (this.#skipping > 0 || this.#passing > 0) break;
      if (this.#state === "end") {
        parts.push({ bytes: Buffer.alloc(0), isEnd: true });
        this.#state = "frame";
      }
      if (rest.length === 0 || !(this.#state === "frame" ? this.#frame(rest) : this.#block(rest))) break;
    }
    this.#pending = Buffer.from(rest);
    return parts;
  }

  /** Throws when the stream stopped inside a frame. */
  finish(): void {
    if (this.#state !== "frame" || this.#skipping > 0 || this.#pending.length > 0)
      throw refuse("unexpected end");
  }

  /** False: more bytes are needed. */
  #frame(bytes: Buffer): boolean {
    if (bytes.length < 5) return false;
    const magic = bytes.readUInt32LE(0);
    if ((magic & 0xffff_fff0) >>> 0 === SKIP_MAGIC) {
      if (bytes.length < 8) return false;
      this.#skipping = 8 + bytes.readUInt32LE(4);
      return true;
    }
    if (magic !== FRAME_MAGIC) throw refuse(`no frame begins with 0x${magic.toString(16)}`);
    const descriptor = bytes[4] ?? 0;
    const isSingle = (descriptor & 0x20) !== 0;
    this.#hasChecksum = (descriptor & 4) !== 0;
    const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
    const headerBytes = 5 + (isSingle ? 0 : 1) + ([0, 1, 2, 4][descriptor & 3] ?? 0) + sizeBytes;
    this.#passing = headerBytes;
    this.#state = "block";
    return true;
  }

  #block(bytes: Buffer): boolean {
    if (bytes.length < 3) return false;
    const header = bytes.readUIntLE(0, 3);
    const type = (header >> 1) & 3;
    if (type === 3) throw refuse("a block of the reserved type");
    this.#passing = 3 + (type === 1 ? 1 : header >> 3);
    if ((header & 1) === 1) {
      this.#passing += this.#hasChecksum ? 4 : 0;
      this.#state = "end";
    }
    return true;
  }
}
