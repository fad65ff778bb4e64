import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { expect, test } from "vitest";
import { unpackZip } from "./zip.ts";

function makeZip(files: Readonly<Record<string, string>>): Buffer {
  const parts: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const body = deflateRawSync(text);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(8, 8);
    local.writeUInt32LE(crc32(text), 14);
    local.writeUInt32LE(body.length, 18);
    local.writeUInt32LE(text.length, 22);
    local.writeUInt16LE(name.length, 26);
    const header = Buffer.alloc(46);
    header.writeUInt32LE(0x02014b50, 0);
    header.writeUInt16LE(8, 10);
    header.writeUInt32LE(body.length, 20);
    header.writeUInt32LE(text.length, 24);
    header.writeUInt16LE(name.length, 28);
    header.writeUInt32LE((0o755 << 16) >>> 0, 38);
    header.writeUInt32LE(offset, 42);
    parts.push(local, Buffer.from(name), body);
    central.push(header, Buffer.from(name));
    offset += 30 + name.length + body.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, directory, end]);
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "longshore-zip-"));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test("unpackZip() gives back the bytes under the names that place() chose", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "a.zip"), makeZip({ "top/x.txt": "hello ".repeat(500), "other/y": "no" }));
    const count = await unpackZip(join(folder, "a.zip"), join(folder, "out"), (name) =>
      name.startsWith("top/") ? name.slice(4) : undefined,
    );
    expect(count).toBe(1);
    expect(await readFile(join(folder, "out/x.txt"), "utf8")).toBe("hello ".repeat(500));
  }));

test("unpackZip() refuses a name that leaves the folder", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "a.zip"), makeZip({ "../evil": "x" }));
    await expect(unpackZip(join(folder, "a.zip"), join(folder, "out"), (name) => name)).rejects.toThrow(
      "leaves its folder",
    );
  }));
