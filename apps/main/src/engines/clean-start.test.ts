import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { cleanStart } from "./clean-start.ts";

test.runIf(process.platform === "linux")(
  "cleanStart() hands on nothing but the standard streams",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "longshore-clean-start-"));
    const secret = join(folder, "secret");
    writeFileSync(secret, "");
    const entry = join(folder, "entry.mjs");
    writeFileSync(
      entry,
      `import { readdirSync, readlinkSync } from "node:fs";
     const links = readdirSync("/proc/self/fd").map((fd) => { try { return readlinkSync("/proc/self/fd/" + fd); } catch { return ""; } });
     console.log(JSON.stringify({ links, argv: process.argv.slice(2), pid: process.pid }));
     process.exit(5);`,
    );
    const fd = openSync(secret, "r");
    onTestFinished(() => {
      closeSync(fd);
      rmSync(folder, { recursive: true });
    });
    const streams = Array.from({ length: 60 }, (_, at) => (at === 3 || at === 50 ? fd : "ignore"));
    const child = spawn(process.execPath, cleanStart(entry, ["--socket", "/x"]), {
      stdio: ["ignore", "pipe", "inherit", ...streams.slice(3)],
    });
    let text = "";
    child.stdout?.on("data", (chunk: Buffer) => (text += chunk.toString()));
    const code = await new Promise((done) => child.once("close", done));
    const said = JSON.parse(text) as { links: string[]; argv: string[]; pid: number };
    expect(said.links).not.toContain(secret);
    expect(said.argv).toEqual(["--socket", "/x"]);
    expect(said.pid).toBe(child.pid);
    expect(code).toBe(5);
  },
);
