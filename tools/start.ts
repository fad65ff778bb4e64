import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildApp } from "./build-app.ts";
import { electronPath } from "./electron.ts";

const root = join(import.meta.dirname, "..");
const app = join(root, "apps/main/dist/app");
const sources = [
  "apps/main/src",
  "apps/renderer/src",
  "packages/ui/src",
  "packages/client/src",
  "packages/protocol/src",
];

/** `npm start`: builds when a source is newer than the built window, and opens it. The window starts or joins the engine. */
async function start(): Promise<void> {
  const electron = await electronPath();
  if (await isStale()) await buildApp();
  const args = [app, ...process.argv.slice(2)];
  if (process.getuid?.() === 0) {
    console.log(
      "start: running as root, where Chromium refuses its own sandbox: --no-sandbox is passed for this run only",
    );
    args.push("--no-sandbox");
  }
  // Chromium tells of every desktop service that a bare machine lacks; whoever looks for a fault passes a level of their own.
  if (!args.some((word) => word.startsWith("--log-level") || word.startsWith("--enable-logging")))
    args.push("--log-level=3");
  const env: Record<string, string | undefined> = { ...process.env };
  let display: VirtualDisplay | undefined;
  if (process.platform === "linux" && !env["DISPLAY"] && !env["WAYLAND_DISPLAY"]) {
    display = await openVirtualDisplay();
    env["DISPLAY"] = display.name;
    console.log(`start: no display here, the window opens on the virtual display ${display.name} (Xvfb)`);
  }
  console.log("start: opening the window; the engine starts with it and stays when it closes");
  const child = spawn(electron, args, { stdio: "inherit", env });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => child.kill(signal));
  child.once("exit", (code, signal) => {
    display?.process.kill();
    process.exitCode = code ?? (signal === null ? 1 : 0);
  });
}

interface VirtualDisplay {
  readonly name: string;
  readonly process: ChildProcess;
}

/** Xvfb picks a free number by itself and writes it to descriptor 3. */
export async function openVirtualDisplay(): Promise<VirtualDisplay> {
  const child = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", "1440x900x24", "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const failed = new Promise<never>((_done, fail) => {
    child.once("error", (error) => fail(new Error(`Xvfb cannot run: ${error.message}`)));
    child.once("exit", (code) => fail(new Error(`Xvfb ended with code ${code}`)));
  });
  failed.catch(() => undefined);
  let number = "";
  const pipe = child.stdio[3];
  if (pipe === null || pipe === undefined || !("on" in pipe)) throw new Error("Xvfb gave no number");
  pipe.on("data", (chunk: Buffer) => (number += chunk.toString()));
  while (!number.includes("\n")) await Promise.race([sleep(20), failed]);
  return { name: `:${number.trim()}`, process: child };
}

async function isStale(): Promise<boolean> {
  const built = join(app, "web/index.html");
  if (!existsSync(built) || !existsSync(join(app, "main.js"))) return true;
  const builtAt = Math.min(statSync(built).mtimeMs, statSync(join(app, "main.js")).mtimeMs);
  for (const folder of sources)
    for (const name of await readdir(join(root, folder), { recursive: true }))
      if (statSync(join(root, folder, name)).mtimeMs > builtAt) return true;
  return false;
}

if (import.meta.main) await start();
