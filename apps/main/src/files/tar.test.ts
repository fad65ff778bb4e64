import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readTar } from "./tar.ts";

async function* cut(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each(["gnu", "pax"])(
  "readTar() lists a %s archive with long names, links and content",
  async (format) => {
    const folder = mkdtempSync(join(tmpdir(), "longshore-tar-"));
    try {
      const long = "n".repeat(150);
      mkdirSync(join(folder, "d"));
      writeFileSync(join(folder, "d", long), "hello");
      symlinkSync(long, join(folder, "d", "link"));
      writeFileSync(join(folder, "zero"), "");
      const tar = execFileSync("tar", [`--format=${format}`, "-cf", "-", "-C", folder, "."]);
      const found: Record<string, string> = {};
      for await (const { file, content } of readTar(cut(tar, 700))) {
        let text = "";
        if (file.path.endsWith(long))
          for await (const chunk of content) text += Buffer.from(chunk).toString();
        found[file.path] = `${file.type} ${text}${file.linkTarget ?? ""}`;
      }
      expect(found).toEqual({
        "/": "directory ",
        "/d": "directory ",
        [`/d/${long}`]: "file hello",
        "/d/link": `symlink ${long}`,
        "/zero": "file ",
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
