import { LongshoreError } from "#kernel";

export type Encodable =
  | string
  | number
  | Uint8Array
  | EventTime
  | readonly Encodable[]
  | { readonly [name: string]: Encodable };

/** Seconds and nanoseconds as the forward protocol has them: extension type 0 of eight bytes. */
export class EventTime {
  readonly timeNano: bigint;

  constructor(timeNano: bigint) {
    this.timeNano = timeNano;
  }
}

/** Strings, non-negative integers, arrays, maps and event times; bytes are sent as strings. Source: MessagePack specification. */
export function encodeMsgpack(value: Encodable): Buffer {
  const parts: Uint8Array[] = [];
  append(value, parts);
  return Buffer.concat(parts);
}

function append(value: Encodable, parts: Uint8Array[]): void {
  if (typeof value === "string") return append(Buffer.from(value), parts);
  if (typeof value === "number") {
    parts.push(integer(value));
    return;
  }
  if (value instanceof Uint8Array) {
    parts.push(stringHead(value.byteLength), value);
    return;
  }
  if (value instanceof EventTime) {
    const bytes = Buffer.from([0xd7, 0x00, 0, 0, 0, 0, 0, 0, 0, 0]);
    bytes.writeUInt32BE(Number((value.timeNano / 1_000_000_000n) % 2n ** 32n), 2);
    bytes.writeUInt32BE(Number(value.timeNano % 1_000_000_000n), 6);
    parts.push(bytes);
    return;
  }
  if (Array.isArray(value)) {
    parts.push(head(value.length, 0x90, 0xdc));
    for (const entry of value as readonly Encodable[]) append(entry, parts);
    return;
  }
  const entries = Object.entries(value as Readonly<Record<string, Encodable>>);
  parts.push(head(entries.length, 0x80, 0xde));
  for (const [name, entry] of entries) {
    append(name, parts);
    append(entry, parts);
  }
}

/** Up to 15 in the type's own byte, then 16 and 32 bits. */
function head(count: number, small: number, wide: number): Buffer {
  if (count < 16) return Buffer.from([small | count]);
  return count < 0x1_0000 ? sized(wide, count, 2) : sized(wide + 1, count, 4);
}

function stringHead(bytes: number): Buffer {
  if (bytes < 32) return Buffer.from([0xa0 | bytes]);
  if (bytes < 0x100) return sized(0xd9, bytes, 1);
  return bytes < 0x1_0000 ? sized(0xda, bytes, 2) : sized(0xdb, bytes, 4);
}

function integer(value: number): Buffer {
  if (value < 128) return Buffer.from([value]);
  if (value < 0x100) return sized(0xcc, value, 1);
  if (value < 0x1_0000) return sized(0xcd, value, 2);
  if (value < 0x1_0000_0000) return sized(0xce, value, 4);
  const bytes = Buffer.alloc(9);
  bytes.writeUInt8(0xcf);
  bytes.writeBigUInt64BE(BigInt(value), 1);
  return bytes;
}

function sized(type: number, value: number, width: number): Buffer {
  const bytes = Buffer.alloc(1 + width);
  bytes.writeUInt8(type);
  bytes.writeUIntBE(value, 1, width);
  return bytes;
}

/** A map of short strings to short strings at the begin of `bytes`, as an acknowledgement is one; undefined while it is incomplete. */
export function decodeStringMap(
  bytes: Buffer,
): { readonly map: ReadonlyMap<string, string>; readonly length: number } | undefined {
  const [first] = bytes;
  if (first === undefined) return undefined;
  if (first < 0x80 || first > 0x8f)
    throw new LongshoreError("invalid", `fluentd answered with type 0x${first.toString(16)}, want a map`);
  const texts: string[] = [];
  let at = 1;
  for (let left = (first & 0x0f) * 2; left > 0; left--) {
    const type = bytes[at];
    if (type === undefined) return undefined;
    const width = type === 0xd9 ? 1 : type === 0xda ? 2 : 0;
    if (width === 0 && (type < 0xa0 || type > 0xbf))
      throw new LongshoreError("invalid", `fluentd answered with type 0x${type.toString(16)}, want a string`);
    if (bytes.length < at + 1 + width) return undefined;
    const length = width === 0 ? type & 0x1f : bytes.readUIntBE(at + 1, width);
    at += 1 + width;
    if (bytes.length < at + length) return undefined;
    texts.push(bytes.toString("utf8", at, at + length));
    at += length;
  }
  const map = new Map<string, string>();
  for (let index = 0; index < texts.length; index += 2) map.set(texts[index] ?? "", texts[index + 1] ?? "");
  return { map, length: at };
}
