import { createReadStream } from "node:fs";

const BLOCK = 512;
const LONGEST_NAME = 100;
const LARGEST_OCTAL = 0o77777777777;

export interface TarFile {
  readonly name: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedMs: number;
  /** A regular file when absent. */
  readonly kind?: "folder" | "link";
  /** Where a symbolic link points. */
  readonly target?: string;
}

const TYPE_FLAGS = { folder: "5", link: "2" } as const;

/** The header of a file, folder or symbolic link, owned by root (POSIX ustar, with a pax record before it for what ustar cannot hold). */
export function tarHeader(file: TarFile): Uint8Array {
  const name = Buffer.from(file.name);
  const records: string[] = [];
  if (name.length > LONGEST_NAME || name.some((byte) => byte > 0x7e))
    records.push(paxRecord("path", file.name));
  if (file.sizeBytes > LARGEST_OCTAL) records.push(paxRecord("size", String(file.sizeBytes)));
  const target = Buffer.from(file.target ?? "");
  if (target.length > LONGEST_NAME || target.some((byte) => byte > 0x7e))
    records.push(paxRecord("linkpath", file.target ?? ""));
  const flag = file.kind === undefined ? "0" : TYPE_FLAGS[file.kind];
  const own = block(file, name.subarray(0, LONGEST_NAME), flag, target.subarray(0, LONGEST_NAME));
  if (records.length === 0) return own;
  const body = Buffer.from(records.join(""));
  const extra = block({ ...file, sizeBytes: body.length }, Buffer.from("pax"), "x");
  return Buffer.concat([extra, body, tarPadding(body.length), own]);
}

/** Header, content and padding of the file at `path`. One that grows meanwhile is cut at `sizeBytes`; throws when it becomes shorter. */
export async function* tarFile(path: string, file: TarFile): AsyncGenerator<Uint8Array> {
  const { sizeBytes } = file;
  yield tarHeader(file);
  let sent = 0;
  if (sizeBytes > 0)
    for await (const chunk of createReadStream(path, { end: sizeBytes - 1 }) as AsyncIterable<Buffer>) {
      sent += chunk.length;
      yield chunk;
    }
  if (sent !== sizeBytes)
    throw new Error(`${path} became shorter while it was read: ${sent} of ${sizeBytes} bytes`);
  yield tarPadding(sizeBytes);
}

/** Zeroes up to the next block. */
export function tarPadding(sizeBytes: number): Uint8Array {
  return new Uint8Array((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

function block(file: TarFile, name: Uint8Array, flag: string, target?: Uint8Array): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.set(name, 0);
  header.write(octal(file.mode, 8), 100);
  header.write(octal(0, 8), 108);
  header.write(octal(0, 8), 116);
  header.write(octal(Math.min(file.sizeBytes, LARGEST_OCTAL), 12), 124);
  header.write(octal(Math.max(0, Math.floor(file.modifiedMs / 1000)), 12), 136);
  header.write("        ", 148);
  header.write(flag, 156);
  if (target !== undefined) header.set(target, 157);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\u0000 `, 148);
  return header;
}

function octal(value: number, width: number): string {
  return `${value.toString(8).padStart(width - 1, "0")}\u0000`;
}

/** "27 path=name\n", where the number counts the whole record. */
function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  let length = bytes;
  while (String(length).length + bytes !== length) length = String(length).length + bytes;
  return `${length}${rest}`;
}
