const CODES = { stdin: 0, stdout: 1, stderr: 2, error: 3 } as const;

export const FRAME_HEAD_BYTES = 8;

/** Before each piece of non-TTY output: byte 0 the stream, bytes 4-7 the length, big endian. Source: Docker Engine API, attach. */
export function writeFrameHead(
  into: Buffer,
  at: number,
  stream: keyof typeof CODES,
  payloadBytes: number,
): void {
  into.writeUInt32BE(CODES[stream] * 0x1_00_00_00, at);
  into.writeUInt32BE(payloadBytes, at + 4);
}

/** One frame of non-TTY output. */
export function frame(stream: keyof typeof CODES, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(FRAME_HEAD_BYTES + payload.byteLength);
  writeFrameHead(out, 0, stream, payload.byteLength);
  out.set(payload, FRAME_HEAD_BYTES);
  return out;
}
