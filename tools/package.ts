import { existsSync } from "node:fs";
import { cp, mkdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build, Platform } from "electron-builder";
import { buildApp } from "./build-app.ts";
import { buildEngine } from "./build-engine.ts";
import { electronPath, electronVersion } from "./electron.ts";

const root = join(import.meta.dirname, "..");

/**
 * The installed app as a folder, build/installers/linux-unpacked: window in an asar, engine and Node 24 beside it, fuses as
 * electron-builder.yml says. The runtime is the one that development uses, so nothing is downloaded; installers proper
 * (`electron-builder` without this) fetch Electron's own.
 */
export async function packageApp(): Promise<string> {
  if (process.platform !== "linux")
    throw new Error("packaging from the development runtime works on Linux only");
  await buildApp();
  await buildEngine();
  const runtime = dirname(await electronPath());
  const dist = join(root, "build/electron-dist");
  await rm(dist, { recursive: true, force: true });
  await mkdir(dirname(dist), { recursive: true });
  await cp(runtime, dist, { recursive: true, verbatimSymlinks: true });
  // Development's loader would be a second app beside the asar.
  await rm(join(dist, "resources/app"), { recursive: true, force: true });
  await build({
    projectDir: root,
    targets: Platform.LINUX.createTarget("dir"),
    publish: null,
    config: {
      extends: join(root, "electron-builder.yml"),
      electronDist: dist,
      electronVersion: electronVersion(),
      npmRebuild: false,
    },
  });
  await rm(dist, { recursive: true, force: true });
  const folder = join(root, "build/installers/linux-unpacked");
  if (!existsSync(join(folder, "longshore")))
    throw new Error(`electron-builder left no program in ${folder}`);
  return folder;
}

if (import.meta.main) console.log(`package: ${await packageApp()}`);
