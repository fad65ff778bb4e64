#!/usr/bin/env node
import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import path from "node:path";

// Compiled code that the build left beside the bundle (tools/build-engine.ts); nothing is ever added to it, and the sources have none.
const compiled = path.join(import.meta.dirname, "compiled");
if (existsSync(compiled)) enableCompileCache({ directory: compiled, portable: true });

const { runProgram } = await import("./program.ts");
await runProgram(process.argv.slice(2));
