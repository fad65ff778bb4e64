/** Netlink messages as bytes. Source: netlink(7), linux/netlink.h. */

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;
export const NLM_F_DUMP = 0x300;
const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
const HEADER_BYTES = 16;

const align = (length: number): number => (length + 3) & ~3;

/** One attribute: length, type, payload, padded to four bytes. */
export function attribute(type: number, payload: Uint8Array): Buffer {
  const out = Buffer.alloc(align(4 + payload.byteLength));
  out.writeUInt16LE(4 + payload.byteLength, 0);
  out.writeUInt16LE(type, 2);
  out.set(payload, 4);
  return out;
}

export function nested(type: number, ...children: readonly Uint8Array[]): Buffer {
  return attribute(type | NESTED, Buffer.concat(children));
}

export function text(type: number, value: string): Buffer {
  return attribute(type, Buffer.from(`${value}\0`));
}

export function number32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(value);
  return attribute(type, payload);
}

/** Network byte order, as nfnetlink wants its numbers. */
export function bigEndian32(type: number, value: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeInt32BE(value | 0);
  return attribute(type, payload);
}

export function number8(type: number, value: number): Buffer {
  return attribute(type, Buffer.of(value));
}

/** One request, its sequence number still 0. */
export function message(type: number, flags: number, body: Uint8Array, ...attributes: Uint8Array[]): Buffer {
  const payload = Buffer.concat([body, ...attributes]);
  const out = Buffer.alloc(align(HEADER_BYTES + payload.length));
  out.writeUInt32LE(HEADER_BYTES + payload.length, 0);
  out.writeUInt16LE(type, 4);
  out.writeUInt16LE(flags | NLM_F_REQUEST, 6);
  out.set(payload, HEADER_BYTES);
  return out;
}

export interface Received {
  readonly type: number;
  readonly sequence: number;
  readonly body: Buffer;
}

/** Splits one datagram from the kernel into its messages. */
export function split(datagram: Buffer): Received[] {
  const found: Received[] = [];
  for (let at = 0; at + HEADER_BYTES <= datagram.length;) {
    const length = datagram.readUInt32LE(at);
    if (length < HEADER_BYTES || at + length > datagram.length) break;
    found.push({
      type: datagram.readUInt16LE(at + 4),
      sequence: datagram.readUInt32LE(at + 8),
      body: datagram.subarray(at + HEADER_BYTES, at + length),
    });
    at += align(length);
  }
  return found;
}

/** The attributes in `bytes` from `offset`, by type; the last of a type wins. */
export function attributes(bytes: Buffer, offset: number): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = offset; at + 4 <= bytes.length;) {
    const length = bytes.readUInt16LE(at);
    if (length < 4 || at + length > bytes.length) break;
    found.set(bytes.readUInt16LE(at + 2) & TYPE_MASK, bytes.subarray(at + 4, at + length));
    at += align(length);
  }
  return found;
}

/** A NUL-terminated text out of an attribute. */
export function textOf(payload: Buffer | undefined): string | undefined {
  if (payload === undefined) return undefined;
  const end = payload.indexOf(0);
  return payload.toString("utf8", 0, end < 0 ? payload.length : end);
}
