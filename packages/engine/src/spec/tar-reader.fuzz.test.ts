import fc from "fast-check";
import { expect, test } from "vitest";
import { isKind } from "#kernel";
import { TAR_END, type TarEntry, tarMember, TarReader } from "./index.ts";

/** `FUZZ_SECONDS=600` runs it for longer. */
const limit = {
  interruptAfterTimeLimit: Number(process.env["FUZZ_SECONDS"] ?? 1) * 1000,
  numRuns: 1_000_000,
};

const text = fc
  .string({ unit: "grapheme-ascii", minLength: 1, maxLength: 300 })
  .map((name) => name.replaceAll("\0", "0"));
const entries: fc.Arbitrary<TarEntry> = fc.record({
  name: text.map((name) => name.replaceAll("/", "_")),
  type: fc.constantFrom("file", "hardlink", "symlink", "character", "block", "directory", "fifo"),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  uid: fc.integer({ min: 0, max: 0xffff_ffff }),
  gid: fc.integer({ min: 0, max: 0xffff_ffff }),
  sizeBytes: fc.constant(0),
  modifiedNano: fc.bigInt({ min: -(10n ** 18n), max: 10n ** 19n }),
  linkName: text,
  major: fc.integer({ min: 0, max: 4095 }),
  minor: fc.integer({ min: 0, max: 0o7777777 }),
  xattrs: fc
    .dictionary(fc.stringMatching(/^user\.[a-z]{1,9}$/), fc.uint8Array({ maxLength: 50 }))
    .map((record) => new Map(Object.entries(record).map(([key, value]) => [key, Buffer.from(value)]))),
});
const contents = fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes));
const members = fc.array(fc.tuple(entries, contents), { maxLength: 6 });

const archiveOf = (list: readonly (readonly [TarEntry, Buffer])[]): Buffer =>
  Buffer.concat([
    ...list.map(([entry, content]) => (entry.type === "file" ? tarMember(entry, content) : tarMember(entry))),
    TAR_END,
  ]);

function read(bytes: Buffer, step: number): { entries: TarEntry[]; content: Buffer } {
  const found: TarEntry[] = [];
  const pieces: Buffer[] = [];
  const reader = new TarReader({
    entry: (entry) => found.push(entry),
    data: (piece) => pieces.push(Buffer.from(piece)),
    hole: () => {},
    end: () => {},
  });
  for (let at = 0; at < bytes.length; at += step) reader.push(bytes.subarray(at, at + step));
  reader.finish();
  return { entries: found, content: Buffer.concat(pieces) };
}

test("TarReader reads what tarMember wrote, whatever it is", () => {
  fc.assert(
    fc.property(members, fc.integer({ min: 1, max: 3000 }), (list, step) => {
      const { entries: found, content } = read(archiveOf(list), step);
      const files = list.filter(([entry]) => entry.type === "file");
      expect(content).toEqual(Buffer.concat(files.map(([, bytes]) => bytes)));
      expect(found.map((entry) => ({ ...entry, linkName: "" }))).toEqual(
        list.map(([entry, bytes]) => ({
          ...entry,
          linkName: "",
          sizeBytes: entry.type === "file" ? bytes.length : 0,
        })),
      );
    }),
    limit,
  );
});

test("TarReader answers spoiled archives with invalid or members, nothing else", () => {
  const spoilt = fc.record({
    list: members,
    flips: fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }),
    length: fc.nat(),
    mustSum: fc.boolean(),
  });
  fc.assert(
    fc.property(spoilt, fc.integer({ min: 1, max: 3000 }), ({ list, flips, length, mustSum }, step) => {
      const bytes = archiveOf(list);
      for (const [at, byte] of flips) bytes[at % bytes.length] = byte;
      if (mustSum) makeSumsRight(bytes);
      const cut = bytes.subarray(0, length % (bytes.length + 1));
      try {
        for (const { sizeBytes, uid } of read(cut, step).entries) {
          expect(Number.isSafeInteger(sizeBytes) && sizeBytes >= 0).toBe(true);
          expect(Number.isSafeInteger(uid) && uid >= 0).toBe(true);
        }
      } catch (error) {
        if (!isKind(error, "invalid")) throw error;
      }
    }),
    limit,
  );
});

/** Else the first changed byte of a header is all that is ever tried. */
function makeSumsRight(bytes: Buffer): void {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(32, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
}
