import { describe, expect, test } from "vitest";
import { DetachKeys } from "./detach-keys.ts";

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe("DetachKeys", () => {
  test("filter() finds the default sequence across chunks and keeps it from the process", () => {
    const keys = new DetachKeys("");
    expect(keys.filter(bytes(97, 16))).toEqual({ bytes: bytes(97), isDetached: false });
    expect(keys.filter(bytes(17, 98))).toEqual({ bytes: bytes(), isDetached: true });
  });

  test("filter() passes a broken sequence on, in order", () => {
    const keys = new DetachKeys("ctrl-p,ctrl-q");
    expect(keys.filter(bytes(16)).bytes).toEqual(bytes());
    expect(keys.filter(bytes(98)).bytes).toEqual(bytes(16, 98));
  });

  test("check() refuses keys out of grammar", () => {
    expect(() => DetachKeys.check("ctrl-!")).toThrow("Invalid detach keys");
  });
});
