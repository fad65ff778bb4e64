import { createReadStream, createWriteStream } from "node:fs";
import { chmod, mkdir, open, type FileHandle } from "node:fs/promises";
import { dirname, join, normalize, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";

/** One file of a zip, as its central directory describes it. Source: PKWARE APPNOTE 4.3.12. */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly compressedBytes: number;
  readonly sizeBytes: number;
  readonly headerOffset: number;
  readonly mode: number;
}

const END_RECORD = 0x06054b50;
const CENTRAL_HEADER = 0x02014b50;
const LOCAL_HEADER_BYTES = 30;

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, position);
  return bytes.subarray(0, bytesRead);
}

/** Lists a zip below 4 GiB (no zip64: the archives we unpack are far smaller). */
export async function listZip(file: FileHandle): Promise<readonly ZipEntry[]> {
  const { size } = await file.stat();
  const tailBytes = Math.min(size, 66_000);
  const tail = await readAt(file, size - tailBytes, tailBytes);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_RECORD) end--;
  if (end < 0) throw new Error("not a zip archive: no end record");
  const directory = await readAt(file, tail.readUInt32LE(end + 16), tail.readUInt32LE(end + 12));
  const entries: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length && directory.readUInt32LE(at) === CENTRAL_HEADER;) {
    const nameBytes = directory.readUInt16LE(at + 28);
    entries.push({
      name: directory.toString("utf8", at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      compressedBytes: directory.readUInt32LE(at + 20),
      sizeBytes: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
      mode: (directory.readUInt32LE(at + 38) >>> 16) & 0o777,
    });
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/**
 * Unpacks what `place` gives a relative path for into `folder`. A fresh machine has no `unzip`, hence our own.
 * Names that would leave `folder` are refused; symbolic links are not made.
 */
export async function unpackZip(
  archive: string,
  folder: string,
  place: (name: string) => string | undefined,
): Promise<number> {
  const file = await open(archive, "r");
  let count = 0;
  try {
    for (const entry of await listZip(file)) {
      const relative = place(entry.name);
      if (relative === undefined || relative === "") continue;
      const target = join(folder, normalize(relative));
      if (!target.startsWith(folder + sep)) throw new Error(`zip entry "${entry.name}" leaves its folder`);
      if (entry.name.endsWith("/")) {
        await mkdir(target, { recursive: true });
        continue;
      }
      await mkdir(dirname(target), { recursive: true });
      const header = await readAt(file, entry.headerOffset, LOCAL_HEADER_BYTES);
      const start =
        entry.headerOffset + LOCAL_HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
      if (entry.sizeBytes === 0) {
        await (await open(target, "w")).close();
      } else {
        const source = createReadStream(archive, { start, end: start + entry.compressedBytes - 1 });
        const sink = createWriteStream(target);
        if (entry.method === 0) await pipeline(source, sink);
        else await pipeline(source, createInflateRaw(), sink);
      }
      await chmod(target, entry.mode === 0 ? 0o644 : entry.mode);
      count++;
    }
  } finally {
    await file.close();
  }
  return count;
}
