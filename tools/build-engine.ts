import { execFile } from "node:child_process";
import { chmod, copyFile, cp, mkdir, realpath, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Plugin, rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const target = join(root, "build/engine");
const sources = join(root, "packages/engine/src");

/** The engine's program, and those that it starts by the name that programBeside() of its kernel gives them. */
const programs = {
  main: "main.ts",
  "monitor-holder-main": "runtime/monitor/holder/main.ts",
  "monitor-main": "runtime/monitor/main.ts",
  "archive-archive-thread": "containers/archive/archive-thread.ts",
  "writer-thread": "layers/writer-thread.ts",
  "dns-worker": "dns/dns-worker.ts",
  "network-worker": "host/linux/network-worker.ts",
};

/**
 * `import` of a built-in reads every export of it once, and some of node:http's load Node's own undici (44 ms of CPU and several
 * MiB in each process); what getBuiltinModule() answers reads none.
 */
const withoutFacades: Plugin = {
  name: "without-facades",
  renderChunk: (code) =>
    code.replaceAll(
      /^import (?:(\w+)(?:, )?)?(?:\{([^}]*)\})? ?from "(node:[\w/]+)";$/gm,
      (_, whole: string | undefined, names: string | undefined, module: string) => {
        const loaded = `process.getBuiltinModule("${module}")`;
        return [
          ...(whole === undefined ? [] : [`const ${whole} = ${loaded};`]),
          ...(names === undefined ? [] : [`const {${names.replaceAll(" as ", ": ")}} = ${loaded};`]),
        ].join(" ");
      },
    ),
};

/**
 * Builds the engine as it is shipped into build/engine: a flat folder of bundled programs, the one native module, the Node 24
 * that runs it and the starter image. Complete or not there: the folder is filled beside its place and renamed.
 */
export async function buildEngine(): Promise<string> {
  const startedAt = performance.now();
  const draft = `${target}.new`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(join(draft, "node_modules/@koromix"), { recursive: true });
  // Each whole in itself: a chunk that two programs share may pull in the entry of a third, which would run.
  for (const [name, program] of Object.entries(programs)) {
    const built = await rolldown({
      input: join(sources, program),
      platform: "node",
      transform: { target: "node24" },
      logLevel: "warn",
      plugins: [withoutFacades],
    });
    // What main loads by need lies in files of its own.
    if (name === "main")
      await built.write({
        dir: draft,
        format: "esm",
        entryFileNames: "main.js",
        chunkFileNames: "[name].js",
      });
    else await built.write({ file: join(draft, `${name}.js`), format: "esm", codeSplitting: false });
    await built.close();
  }
  const modules = join(root, "node_modules");
  const native = `@koromix/koffi-${process.platform}-${process.arch}`;
  await cp(join(modules, native), join(draft, "node_modules", native), { recursive: true });
  await copyFile(join(modules, "koffi/LICENSE.txt"), join(draft, "node_modules", native, "LICENSE.txt"));
  await writeFile(join(draft, "package.json"), '{ "type": "module" }\n');
  await copyFile(await realpath(join(modules, "node/bin/node")), join(draft, "node"));
  await chmod(join(draft, "node"), 0o755);
  await copyFile(join(root, ".cache/starter.tar"), join(draft, "starter.tar"));
  await copyFile(join(root, "LICENSE"), join(draft, "LICENSE"));
  await keepCompiled(draft);
  await rm(target, { recursive: true, force: true });
  await rename(draft, target);
  console.log(`engine: built in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  return target;
}

/** Node's compile cache of what an engine loads first, for the Node beside it: a start reads code instead of compiling it. */
async function keepCompiled(draft: string): Promise<void> {
  const script =
    'import { enableCompileCache } from "node:module";' +
    `enableCompileCache({ directory: ${JSON.stringify(join(draft, "compiled"))}, portable: true });` +
    `await import(${JSON.stringify(join(draft, "program.js"))});`;
  await promisify(execFile)(join(draft, "node"), ["--input-type=module", "--eval", script]);
}

if (import.meta.main) await buildEngine();
