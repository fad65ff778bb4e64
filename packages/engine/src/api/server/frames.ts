const CODES = { stdin: 0, stdout: 1, stderr: 2, error: 3 } as const;

/** One frame of non-TTY output: byte 0 the stream, bytes 4-7 the length, big endian, then the payload. Source: Docker Engine API, attach. */
export function frame(stream: keyof typeof CODES, payload: Uint8Array): Buffer {
  const out = Buffer.allocUnsafe(8 + payload.byteLength);
  out.writeUInt32BE(CODES[stream] * 0x1_00_00_00, 0);
  out.writeUInt32BE(payload.byteLength, 4);
  out.set(payload, 8);
  return out;
}
