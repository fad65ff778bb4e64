import fc from "fast-check";
import { expect, test } from "vitest";
import { nameBytes, nameOf, pathOf } from "./file-names.ts";

test("nameBytes() gives back the bytes that nameOf() made a text of, whatever they are", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const name = nameOf(Buffer.from(bytes));
      expect(nameBytes(name).equals(Buffer.from(bytes))).toBe(true);
    }),
  );
  for (const hex of ["ff", "c3", "c328", "f09f9880ff", "eda080", "f8808080", "e282", "c080"]) {
    const bytes = Buffer.from(hex, "hex");
    expect(nameBytes(nameOf(bytes)).toString("hex")).toBe(hex);
  }
});

test("nameOf() and pathOf() leave texts as they are", () => {
  for (const text of ["", "a/b", "cafe\u0301 \u00e9 \u{1f600} \ufffd"]) {
    expect(nameOf(Buffer.from(text))).toBe(text);
    expect(pathOf(text)).toBe(text);
  }
  expect(pathOf(nameOf(Buffer.from("636166e9", "hex")))).toEqual(Buffer.from("636166e9", "hex"));
});
