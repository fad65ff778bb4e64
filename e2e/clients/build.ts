import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const cache = join(import.meta.dirname, "../../.cache/clients");
const COMPOSE = { module: "github.com/docker/compose/v2", version: "v2.40.3" };
const DOCKER_PY = "docker==7.1.0";

/** The real compose from its sources, kept from run to run. Wants Go; throws with its words. */
export function compose(): string {
  const program = join(cache, `compose-${COMPOSE.version}`);
  if (existsSync(program)) return program;
  // Its go.mod has replace lines, with which `go install` refuses it: a module of our own requires it instead.
  const folder = join(cache, "compose-source");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "go.mod"),
    `module clients\n\ngo 1.24\n\nrequire ${COMPOSE.module} ${COMPOSE.version}\n`,
  );
  writeFileSync(
    join(folder, "tools.go"),
    `//go:build tools\n\npackage tools\n\nimport _ "${COMPOSE.module}/cmd"\n`,
  );
  const go = (...args: string[]): void => {
    execFileSync("go", args, { cwd: folder, stdio: "inherit", env: { ...process.env, GOFLAGS: "-mod=mod" } });
  };
  go("mod", "tidy");
  go("build", "-o", `${program}.new`, `${COMPOSE.module}/cmd`);
  renameSync(`${program}.new`, program);
  return program;
}

/** A Python that has docker-py. Wants python3 with venv; throws with its words. */
export function dockerPy(): string {
  const folder = join(cache, "python");
  const python = join(folder, "bin/python");
  if (existsSync(join(folder, "complete"))) return python;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
  execFileSync(python, ["-m", "pip", "install", "--quiet", DOCKER_PY], { stdio: "inherit" });
  writeFileSync(join(folder, "complete"), "");
  return python;
}
