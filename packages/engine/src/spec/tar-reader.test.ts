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

function read(bytes: Buffer, step: number): { entries: TarEntry[]; dataBytes: number } {
  const entries: TarEntry[] = [];
  let dataBytes = 0;
  const reader = new TarReader({
    entry: (entry) => entries.push(entry),
    data: (piece) => (dataBytes += piece.length),
    end: () => {},
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.finish();
  return { entries, dataBytes };
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
    expect(read(archive(...entries), step)).toEqual({ entries, dataBytes: 15 });
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
