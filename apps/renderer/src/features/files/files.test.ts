import type { LayerFile } from "@longshore/protocol";
import { expect, test } from "vitest";
import { hexLines, isText } from "./content.ts";
import { visibleRows } from "./tree.ts";

function file(path: string, type: LayerFile["type"] = "file"): LayerFile {
  return { path, type, change: "added", sizeBytes: 1, mode: 0o644, uid: 0, gid: 0, modifiedAt: "" };
}

test("visibleRows() shows directories first and the children of open ones", () => {
  const folders = new Map([
    ["/", { entries: [file("/z"), file("/etc", "directory"), file("/bin", "directory")], isCut: false }],
    ["/etc", { entries: [file("/etc/passwd")], isCut: true }],
  ]);
  const rows = visibleRows(folders, new Set(["/etc", "/bin"]));
  expect(rows.map((r) => [r.file.path, r.depth, r.isCut])).toEqual([
    ["/bin", 0, false],
    ["/etc", 0, false],
    ["/etc/passwd", 1, true],
    ["/z", 0, false],
  ]);
});

test("isText() tells text from bytes, and a cut character from a broken one", () => {
  expect(isText(new TextEncoder().encode("naïve\n"))).toBe(true);
  expect(isText(new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0]))).toBe(false);
  expect(isText(new Uint8Array([0xff, 0xfe, 0x41]))).toBe(false);
  expect(isText(new TextEncoder().encode("é".repeat(8 * 1024)).subarray(1))).toBe(false);
  expect(isText(new TextEncoder().encode(`a${"é".repeat(8 * 1024)}`))).toBe(true);
});

test("hexLines() shows offset, bytes and printable characters", () => {
  expect(hexLines(new TextEncoder().encode("hello\n"))).toEqual([
    "00000000  68 65 6c 6c 6f 0a                                |hello.|",
  ]);
});
