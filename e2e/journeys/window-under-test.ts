import { _electron, type ElectronApplication } from "@playwright/test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildApp } from "../../tools/build-app.ts";
import { electronPath } from "../../tools/electron.ts";
import { openVirtualDisplay } from "../../tools/start.ts";

/** A place for windows: the built app, a display and folders that go when it is disposed. */
export interface WindowPlace extends AsyncDisposable {
  readonly runtime: string;
  readonly appFolder: string;
  /** Temporary; engines that were started under `data` and `state` in it are ended with the place. */
  readonly folder: string;
  readonly env: Record<string, string>;
  /** Flags that every start here needs. */
  readonly flags: readonly string[];
  launch(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<ElectronApplication>;
}

export async function openWindowPlace(): Promise<WindowPlace> {
  const runtime = await electronPath();
  const appFolder = await buildApp();
  const display = process.env["DISPLAY"] ? undefined : await openVirtualDisplay();
  const folder = mkdtempSync(join(tmpdir(), "longshore-window-"));
  const env = { ...process.env, DISPLAY: display?.name ?? process.env["DISPLAY"] ?? "" } as Record<
    string,
    string
  >;
  const flags = [
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    `--user-data-dir=${join(folder, "user")}`,
  ];
  return {
    runtime,
    appFolder,
    folder,
    env,
    flags,
    launch: (args, more = {}) =>
      _electron.launch({
        executablePath: runtime,
        args: [appFolder, ...flags, ...args],
        env: { ...env, ...more },
      }),
    [Symbol.asyncDispose]: async () => {
      await endEngine(join(folder, "state"));
      display?.process.kill();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The engine's process, as its state folder tells; undefined when none runs. */
export function enginePid(stateRoot: string): number | undefined {
  try {
    const pid = Number(readFileSync(join(stateRoot, "engine.pid"), "utf8"));
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined;
  }
}

/** Ends the engine that a window started; it outlives the window by design. */
export async function endEngine(stateRoot: string): Promise<void> {
  const pid = enginePid(stateRoot);
  if (pid === undefined) return;
  process.kill(pid, "SIGTERM");
  for (let attempt = 0; attempt < 200 && enginePid(stateRoot) !== undefined; attempt++) await sleep(50);
}
