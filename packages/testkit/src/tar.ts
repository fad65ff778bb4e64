/** A tar entry as a test wants it: every field may be hostile. */
export interface TarEntry {
  readonly name: string;
  readonly type?: "file" | "directory" | "symlink" | "hardlink" | "character" | "block" | "fifo";
  readonly data?: Uint8Array | string;
  readonly linkTo?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtimeSeconds?: number;
  readonly device?: readonly [major: number, minor: number];
}

const typeFlags = {
  file: "0",
  hardlink: "1",
  symlink: "2",
  character: "3",
  block: "4",
  directory: "5",
  fifo: "6",
} as const;
const BLOCK = 512;

/** An uncompressed ustar archive with GNU long names where needed. Same entries, same bytes. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap(entryBlocks), Buffer.alloc(2 * BLOCK)]);
}

function entryBlocks(entry: TarEntry): Buffer[] {
  const type = entry.type ?? "file";
  const data = type === "file" ? Buffer.from(entry.data ?? "") : Buffer.alloc(0);
  const name = type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  return [
    ...longName("L", name),
    ...longName("K", entry.linkTo ?? ""),
    header({ ...entry, name }, typeFlags[type], data.length),
    ...padded(data),
  ];
}

function longName(flag: string, value: string): Buffer[] {
  if (Buffer.byteLength(value) < 100) return [];
  const data = Buffer.from(`${value}\0`);
  return [header({ name: "././@LongLink", mtimeSeconds: 0 }, flag, data.length), ...padded(data)];
}

function header(entry: TarEntry, flag: string, sizeBytes: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, width: number): number =>
    block.write(value.toString(8).padStart(width - 1, "0"), offset, width - 1, "latin1");
  block.write(entry.name, 0, 100, "utf8");
  octal(entry.mode ?? (flag === "5" ? 0o755 : 0o644), 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(sizeBytes, 124, 12);
  octal(entry.mtimeSeconds ?? 1_700_000_000, 136, 12);
  block.fill(" ", 148, 156);
  block.write(flag, 156, "latin1");
  block.write(entry.linkTo ?? "", 157, 100, "utf8");
  block.write("ustar\u000000", 257, "latin1");
  octal(entry.device?.[0] ?? 0, 329, 8);
  octal(entry.device?.[1] ?? 0, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function padded(data: Buffer): Buffer[] {
  const rest = data.length % BLOCK;
  return rest === 0 ? [data] : [data, Buffer.alloc(BLOCK - rest)];
}
