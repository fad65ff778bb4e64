import { nameBytes } from "#kernel";
import type { TarEntry } from "./tar-reader.ts";

const BLOCK = 512;
const CODES: Readonly<Record<TarEntry["type"], string>> = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
};
/** Largest number that fits eleven octal digits. */
const MAX_OCTAL = 0o77777777777;

/** Two empty blocks end an archive. */
export const TAR_END: Buffer = Buffer.alloc(BLOCK * 2);

/** Header blocks of one member: ustar, with a pax header in front where a value does not fit. Source: pax(1). */
export function tarHeader(entry: TarEntry): Buffer {
  const pax = paxRecords(entry);
  const main = header(
    entry,
    entry.name,
    entry.linkName,
    CODES[entry.type],
    entry.type === "file" ? entry.sizeBytes : 0,
  );
  if (pax.length === 0) return main;
  const body = Buffer.concat(pax);
  return Buffer.concat([
    header(
      { ...entry, mode: 0o644, uid: 0, gid: 0 },
      `PaxHeaders.0/${entry.name}`.slice(0, 99),
      "",
      "x",
      body.length,
    ),
    body,
    tarPadding(body.length),
    main,
  ]);
}

/** Zeros that fill a member of `sizeBytes` up to whole blocks. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((BLOCK - (sizeBytes % BLOCK)) % BLOCK);
}

/** One small member, whole. */
export function tarMember(entry: TarEntry, content: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([
    tarHeader({ ...entry, sizeBytes: content.byteLength }),
    content,
    tarPadding(content.byteLength),
  ]);
}

function paxRecords(entry: TarEntry): Buffer[] {
  const records: Buffer[] = [];
  if (nameBytes(entry.name).length > 100 || !isAscii(entry.name))
    records.push(record("path", nameBytes(entry.name)));
  if (nameBytes(entry.linkName).length > 100 || !isAscii(entry.linkName))
    records.push(record("linkpath", nameBytes(entry.linkName)));
  if (entry.sizeBytes > MAX_OCTAL && entry.type === "file")
    records.push(record("size", Buffer.from(String(entry.sizeBytes))));
  if (entry.uid > 0o7777777) records.push(record("uid", Buffer.from(String(entry.uid))));
  if (entry.gid > 0o7777777) records.push(record("gid", Buffer.from(String(entry.gid))));
  const isPlainTime = entry.modifiedNano >= 0n && entry.modifiedNano % 1_000_000_000n === 0n;
  if (!isPlainTime || entry.modifiedNano / 1_000_000_000n > MAX_OCTAL)
    records.push(record("mtime", Buffer.from(secondsText(entry.modifiedNano))));
  for (const [name, value] of [...entry.xattrs].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    records.push(record(`SCHILY.xattr.${name}`, value));
  return records;
}

function secondsText(nano: bigint): string {
  const positive = nano < 0n ? -nano : nano;
  return `${nano < 0n ? "-" : ""}${positive / 1_000_000_000n}.${(positive % 1_000_000_000n).toString().padStart(9, "0")}`;
}

// oxlint-disable-next-line no-control-regex -- the question is exactly whether there are only ASCII characters
const isAscii = (text: string): boolean => /^[\u0001-\u007F]*$/.test(text);

function record(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from("\n")]);
  let length = rest.length + String(rest.length).length;
  if (String(length).length + rest.length !== length) length++;
  return Buffer.concat([Buffer.from(String(length)), rest]);
}

function header(entry: TarEntry, name: string, linkName: string, type: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, length: number): void => {
    block.write(
      Math.max(0, value)
        .toString(8)
        .slice(-(length - 1))
        .padStart(length - 1, "0"),
      at,
      length - 1,
      "latin1",
    );
  };
  nameBytes(name).copy(block, 0, 0, 100);
  octal(entry.mode & 0o7777, 100, 8);
  octal(Math.min(entry.uid, 0o7777777), 108, 8);
  octal(Math.min(entry.gid, 0o7777777), 116, 8);
  octal(Math.min(sizeBytes, MAX_OCTAL), 124, 12);
  octal(Math.min(Math.max(Number(entry.modifiedNano / 1_000_000_000n), 0), MAX_OCTAL), 136, 12);
  block.write(type, 156, "latin1");
  nameBytes(linkName).copy(block, 157, 0, 100);
  block.write("ustar\u000000", 257, "latin1");
  octal(entry.major, 329, 8);
  octal(entry.minor, 337, 8);
  block.fill(32, 148, 156);
  let sum = 0;
  for (const byte of block) sum += byte;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}
