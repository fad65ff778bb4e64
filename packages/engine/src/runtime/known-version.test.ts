import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { knownVersion } from "./known-version.ts";

test("knownVersion() asks a program once, and again when it, its place or the note is another", async () => {
  const folder = mkdtempSync(join(tmpdir(), "longshore-version-"));
  const [file, program] = [join(folder, "note"), join(folder, "crun")];
  const ask = vi.fn<() => Promise<string>>();
  const known = (): Promise<string> => knownVersion(file, program, ask);
  try {
    ask.mockRejectedValueOnce(new Error("cannot be run"));
    await expect(known()).rejects.toThrow("cannot be run");
    writeFileSync(program, "one");
    ask.mockResolvedValueOnce("1.0");
    await expect(known()).resolves.toBe("1.0");
    await expect(known()).resolves.toBe("1.0");
    expect(ask).toHaveBeenCalledTimes(2);
    writeFileSync(program, "other");
    ask.mockResolvedValueOnce("2.0");
    await expect(known()).resolves.toBe("2.0");
    chmodSync(program, 0o600);
    ask.mockRejectedValueOnce(new Error("cannot be run"));
    await expect(known()).rejects.toThrow("cannot be run");
    writeFileSync(file, '{"mark":');
    ask.mockResolvedValueOnce("3.0");
    await expect(known()).resolves.toBe("3.0");
    await expect(known()).resolves.toBe("3.0");
    expect(ask).toHaveBeenCalledTimes(5);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
