import { expect, test } from "vitest";
import { TAR_END, tarMember, TarReader, type TarEntry } from "./index.ts";

const plain: TarEntry = {
  name: "etc/hosts",
  type: "file",
  mode: 0o4755,
  uid: 0,
  gid: 0,
  sizeBytes: 5,
  modifiedNano: 1_700_000_000_000_000_000n,
  linkName: "",
  major: 0,
  minor: 0,
  xattrs: new Map(),
};
const archive = (...entries: TarEntry[]): Buffer =>
  Buffer.concat([...entries.map((entry) => tarMember(entry, Buffer.alloc(entry.sizeBytes, "x"))), TAR_END]);

function read(bytes: Buffer, step = 1_000_000): { entries: TarEntry[]; dataBytes: number; content: string } {
  const entries: TarEntry[] = [];
  let content = "";
  const reader = new TarReader({
    entry: (entry) => entries.push(entry),
    data: (piece) => (content += piece.toString("latin1")),
    hole: (sizeBytes) => (content += ".".repeat(sizeBytes)),
    end: () => {},
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.finish();
  return { entries, dataBytes: content.length, content };
}

test("TarReader reads what the writer wrote, in pieces of any size", () => {
  const entries: TarEntry[] = [
    plain,
    { ...plain, name: `${"long/".repeat(60)}ü`, uid: 3_000_000, modifiedNano: 5_123_456_789n },
    { ...plain, name: "link", type: "symlink", sizeBytes: 0, linkName: "../".repeat(60) },
    { ...plain, name: "cap", xattrs: new Map([["security.capability", Buffer.from([1, 0, 255, 10, 61])]]) },
    { ...plain, name: "null", type: "character", sizeBytes: 0, major: 1, minor: 3 },
  ];
  for (const step of [1, 7, 512, 1_000_000])
    expect(read(archive(...entries), step)).toMatchObject({ entries, dataBytes: 15 });
});

test("TarReader refuses a member that was cut anywhere in its content", () => {
  const bytes = archive({ ...plain, sizeBytes: 700 });
  for (let length = 513; length < 512 + 700; length += 13)
    expect(() => read(bytes.subarray(0, length), 512)).toThrow("unexpected end of archive");
});

test("TarReader refuses wrong sums and broken extended records", () => {
  const flipped = archive(plain);
  flipped[0] = 0x41;
  expect(() => read(flipped, 512)).toThrow("wrong header checksum");
  const broken = archive({ ...plain, name: "x".repeat(120) });
  broken[512] = 0x5a;
  expect(() => read(broken, 512)).toThrow("broken extended header record");
});

/** One member whose header's bytes are changed, with its sum made right again. */
function patched(change: (block: Buffer) => void, entry: TarEntry = plain): Buffer {
  const member = tarMember(entry, Buffer.alloc(entry.sizeBytes, "x"));
  change(member);
  const block = member.subarray(0, 512).fill(32, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return member;
}
const meta = (type: string, body: string | Buffer): Buffer =>
  patched((block) => block.write(type, 156, "latin1"), {
    ...plain,
    name: "meta",
    sizeBytes: body.length,
  }).fill(Buffer.concat([Buffer.from(body), Buffer.alloc(512 - body.length)]), 512);
/** An extended header of `KEY=VALUE` records, right lengths included. */
const extended = (...records: string[]): Buffer =>
  meta("x", records.map((record) => `${String(record.length + 4).padStart(2, "0")} ${record}\n`).join(""));
const member = (entry: Partial<TarEntry> = {}): Buffer =>
  tarMember({ ...plain, ...entry }, Buffer.alloc(entry.sizeBytes ?? 5, "x"));
const one = (...blocks: Buffer[]): TarEntry => {
  const { entries } = read(Buffer.concat([...blocks, TAR_END]));
  if (entries[0] === undefined) throw new Error("no member was read");
  return entries[0];
};

test("TarReader reads numbers in base 256, negative times among them", () => {
  const times = patched((block) => block.fill(0xff, 136, 148).writeInt32BE(-5, 144));
  expect(one(times).modifiedNano).toBe(-5_000_000_000n);
  const owner = patched(
    (block) => block.writeUInt32BE(0x8000_0000, 108) && block.writeUInt32BE(3_000_000, 112),
  );
  expect(one(owner).uid).toBe(3_000_000);
  const size = patched((block) => block.fill(0xff, 124, 136));
  expect(() => one(size)).toThrow("size is -1, want a whole number");
  const huge = patched((block) => block.fill(0x7f, 136, 148).fill(0x80, 136, 137));
  expect(() => one(huge)).toThrow("mtime is too large");
});

test("TarReader reads times before 1970 and parts of a second", () => {
  expect(one(extended("mtime=-1.5"), member()).modifiedNano).toBe(-1_500_000_000n);
  expect(one(extended("mtime=1.000000001"), member()).modifiedNano).toBe(1_000_000_001n);
  expect(() => one(extended("mtime=9999999999999999"), member())).toThrow("mtime is out of range");
  expect(() => one(extended("mtime=1e3"), member())).toThrow('mtime="1e3", want seconds');
});

test("TarReader takes long names and links in GNU's and in pax form", () => {
  const long = `${"n".repeat(200)}/${"m".repeat(200)}`;
  expect(one(meta("L", `${long}\0`), member()).name).toBe(long);
  expect(one(meta("K", `${long}\0`), member({ type: "symlink", linkName: "x", sizeBytes: 0 })).linkName).toBe(
    long,
  );
  expect(one(member({ name: "a/".repeat(2500), type: "directory", sizeBytes: 0 })).name.length).toBe(5000);
  expect(one(extended("path="), member()).name).toBe("etc/hosts");
});

test("TarReader ignores global headers, as Docker does, but not broken ones", () => {
  expect(one(meta("g", "18 path=elsewhere\n"), member()).name).toBe("etc/hosts");
  expect(() => one(meta("g", "99 path=elsewhere\n"), member())).toThrow("broken extended header record");
});

test("TarReader ends at two blocks of zeros and reads nothing behind them", () => {
  expect(read(Buffer.concat([member(), TAR_END, Buffer.from("garbage")])).entries).toHaveLength(1);
  expect(read(member()).entries).toHaveLength(1);
  expect(() => read(Buffer.concat([Buffer.alloc(512), member()]))).toThrow("a lone block of zeros");
});

test("TarReader sums signed bytes as old archivers did", () => {
  const block = member({ name: "\u00fc" });
  const main = block.subarray(block.length - 1024);
  const signed = main.reduce((sum, byte, at) => {
    if (at >= 512) return sum;
    return sum + (at >= 148 && at < 156 ? 32 : byte > 127 ? byte - 256 : byte);
  }, 0);
  main.write(`${signed.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  expect(one(block).name).toBe("\u00fc");
});

const cut: readonly (readonly [string, Buffer])[] = [
  ["inside a header", member().subarray(0, 300)],
  ["before a header's content", member().subarray(0, 512)],
  ["inside a member's filling", member().subarray(0, 1000)],
  ["inside an extended header", extended("path=a").subarray(0, 600)],
  ["after an extended header", extended("path=a")],
  ["after a long name", meta("L", "name\0")],
];
test.each(cut)("TarReader refuses an archive that ends %s", (_where, bytes) => {
  expect(() => read(bytes)).toThrow("unexpected end of archive");
});

const wrong: readonly (readonly [string, Buffer, string])[] = [
  ["an unknown type", patched((block) => block.write("Z", 156)), "unhandled tar header type 90"],
  ["GNU's own sparse type", patched((block) => block.write("S", 156)), "unhandled tar header type 83"],
  ["a size that is no octal", patched((block) => block.write("9x", 124)), 'size "9x'],
  ["an owner below zero", patched((block) => block.fill(0xff, 108, 116)), "uid is -1"],
  ["a size that is no number", Buffer.concat([extended("size=0x10"), member()]), 'size="0x10"'],
  ["an owner with a sign", Buffer.concat([extended("uid=-1"), member()]), 'uid="-1"'],
  ["a NUL in a name", Buffer.concat([extended("path=a\0b"), member()]), "NUL"],
  ["a NUL in a link", Buffer.concat([extended("linkpath=a\0b"), member()]), "NUL"],
  ["a record without '='", Buffer.concat([meta("x", "09 path\n\n"), member()]), "extended header record"],
  [
    "a huge extended header",
    patched((block) => block.write("x", 156) + block.write("77777777", 124)),
    "want at most",
  ],
];
test.each(wrong)("TarReader refuses %s", (_what, bytes, message) => {
  expect(() => read(bytes)).toThrow(message);
});

const sparseMap = ["GNU.sparse.size=20", "GNU.sparse.map=2,3,10,2"];
const sparse = (sizeBytes: number, ...records: string[]): Buffer =>
  Buffer.concat([extended(...records), member({ sizeBytes })]);

test("TarReader spreads sparse members of all three pax formats", () => {
  const file = `..xxx.....xx${".".repeat(8)}`;
  expect(read(sparse(5, ...sparseMap, "GNU.sparse.name=whole"))).toMatchObject({
    content: file,
    entries: [{ name: "whole", sizeBytes: 20 }],
  });
  const pieces = ["offset=2", "numbytes=3", "offset=10", "numbytes=2"].map((text) => `GNU.sparse.${text}`);
  expect(read(sparse(5, "GNU.sparse.size=20", ...pieces)).content).toBe(file);
  const inData = Buffer.concat([Buffer.from("2\n2\n3\n10\n2\n"), Buffer.alloc(512)]).subarray(0, 512);
  const version = ["GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.realsize=20"];
  const stored = Buffer.concat([inData, Buffer.from("xxxxx")]);
  const third = Buffer.concat([
    extended(...version),
    tarMember({ ...plain, sizeBytes: stored.length }, stored),
    TAR_END,
  ]);
  for (const step of [1, 100, 10_000]) expect(read(third, step).content).toBe(file);
});

test("TarReader reads a long map once, however small the pieces are that it comes in", () => {
  const count = 100_000;
  const lines = Array.from({ length: count }, (_, at) => `${2 * at}\n1\n`).join("");
  const map = Buffer.from(`${count}\n${lines}`);
  const padded = Buffer.concat([map, Buffer.alloc((512 - (map.length % 512)) % 512)]);
  const stored = Buffer.concat([padded, Buffer.alloc(count, "x")]);
  const version = ["GNU.sparse.major=1", "GNU.sparse.minor=0", `GNU.sparse.realsize=${2 * count}`];
  const bytes = Buffer.concat([
    extended(...version),
    tarMember({ ...plain, sizeBytes: stored.length }, stored),
    TAR_END,
  ]);
  expect(read(bytes, 512).content).toBe("x.".repeat(count));
});

test("TarReader takes a name with a slash at its end for a folder where the type is the old one, as Go does", () => {
  const old = patched((block) => block.write("\0", 156, "latin1"), { ...plain, name: "a/", sizeBytes: 0 });
  expect(one(old).type).toBe("directory");
  const file = one(member({ name: "a/", sizeBytes: 3 }));
  expect([file.type, file.sizeBytes]).toEqual(["file", 3]);
});

test.each([
  ["less data", sparse(4, ...sparseMap), "its map tells of 5 bytes, 4 are there"],
  ["a piece behind the end", sparse(5, "GNU.sparse.size=9", "GNU.sparse.map=8,5"), "behind the end"],
  ["pieces that overlap", sparse(5, "GNU.sparse.size=9", "GNU.sparse.map=0,3,2,2"), "overlaps"],
  ["half a piece", sparse(5, "GNU.sparse.size=9", "GNU.sparse.map=0"), "its map is broken"],
  ["an unknown version", sparse(5, "GNU.sparse.major=2", "GNU.sparse.minor=0"), "version 2.0 is unknown"],
])("TarReader refuses a sparse member with %s", (_what, bytes, message) => {
  expect(() => read(bytes)).toThrow(message);
});

test("TarReader refuses sparse members where nobody makes holes", () => {
  const reader = new TarReader({ entry: () => {}, data: () => {}, end: () => {} });
  expect(() => reader.push(sparse(5, ...sparseMap))).toThrow("is not supported");
});
