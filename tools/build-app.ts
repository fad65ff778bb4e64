import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { rolldown } from "rolldown";
import { build as buildPage } from "vite";

const root = join(import.meta.dirname, "..");
const app = join(root, "apps/main/dist/app");

/** Builds the window into apps/main/dist/app: main process and preload script by rolldown, the page by vite. */
export async function buildApp(): Promise<string> {
  const startedAt = performance.now();
  await mkdir(app, { recursive: true });
  const { version, license } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as {
    version: string;
    license: string;
  };
  await writeFile(
    join(app, "package.json"),
    JSON.stringify({
      name: "longshore",
      productName: "Longshore",
      version,
      license,
      type: "module",
      main: "main.js",
    }),
  );
  await Promise.all([
    bundle("apps/main/src/index.ts", "main.js", "esm"),
    // A sandboxed preload script is CommonJS.
    bundle("apps/main/src/preload.ts", "preload.cjs", "cjs"),
    buildPage({ configFile: join(root, "apps/renderer/vite.config.ts"), logLevel: "warn" }),
  ]);
  await cp(join(root, "LICENSE"), join(app, "LICENSE")).catch(() => undefined);
  console.log(`app: built in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return app;
}

async function bundle(input: string, name: string, format: "esm" | "cjs"): Promise<void> {
  const built = await rolldown({
    input: join(root, input),
    platform: "node",
    external: ["electron"],
    // Electron 33 carries Node 20, which knows no `using`.
    transform: { target: "node20" },
    resolve: { conditionNames: ["import", "node"] },
    logLevel: "warn",
  });
  await built.write({ file: join(app, name), format, codeSplitting: false });
  await built.close();
}

if (import.meta.main) await buildApp();
