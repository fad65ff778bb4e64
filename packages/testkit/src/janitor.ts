import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { createInterface } from "node:readline";
import { type Home, wipe } from "./wipe.ts";

/**
 * A process beside the tests that outlives them: what a test process didn't give back when it ends, however it ends
 * (a time limit, a kill), is wiped away by it. Lines of JSON: `{ keep: Home }`, later `{ done: Home["home"] }`.
 */
let janitor: Writable | undefined;

export function tellJanitor(message: { readonly keep: Home } | { readonly done: string }): void {
  if (janitor === undefined) {
    const child = spawn(process.execPath, [import.meta.filename], {
      detached: true,
      stdio: ["pipe", "ignore", "inherit"],
    });
    child.unref();
    child.stdin.on("error", () => {});
    if ("unref" in child.stdin && typeof child.stdin.unref === "function") child.stdin.unref();
    janitor = child.stdin;
  }
  janitor.write(`${JSON.stringify(message)}\n`);
}

async function serve(): Promise<void> {
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  const homes = new Map<string, Home>();
  for await (const line of createInterface({ input: process.stdin })) {
    const message = JSON.parse(line) as { keep?: Home; done?: string };
    if (message.keep !== undefined) homes.set(message.keep.home, message.keep);
    if (message.done !== undefined) homes.delete(message.done);
  }
  for (const home of homes.values()) await wipe(home);
}

if (import.meta.main) await serve();
