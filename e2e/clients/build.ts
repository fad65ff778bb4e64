import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const cache = join(import.meta.dirname, "../../.cache/clients");

/** The versions of compose that the journeys run with. */
export const COMPOSE_VERSIONS = ["v2.40.3", "v5.6.0"] as const;

/** The real compose from its sources, kept from run to run. Wants Go; throws with its words. */
export function compose(version: (typeof COMPOSE_VERSIONS)[number]): string {
  const program = join(cache, `compose-${version}`);
  if (existsSync(program)) return program;
  const module = `github.com/docker/compose/${version.split(".")[0]}`;
  // Its go.mod has replace lines, with which `go install` refuses it: a module of our own requires it instead.
  const folder = join(cache, `compose-source-${version}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "go.mod"), `module clients\n\ngo 1.24\n\nrequire ${module} ${version}\n`);
  writeFileSync(join(folder, "tools.go"), `//go:build tools\n\npackage tools\n\nimport _ "${module}/cmd"\n`);
  const go = (...args: string[]): void => {
    execFileSync("go", args, { cwd: folder, stdio: "inherit", env: { ...process.env, GOFLAGS: "-mod=mod" } });
  };
  go("mod", "tidy");
  go("build", "-o", `${program}.new`, `${module}/cmd`);
  renameSync(`${program}.new`, program);
  return program;
}

/** A Python that has docker-py. Wants python3 with venv; throws with its words. */
export function dockerPy(): string {
  return python("python", "docker==7.1.0");
}

/** A Python that has testcontainers, in a folder of its own: it brings the docker-py that it wants. */
export function testcontainersPy(): string {
  return python("python-testcontainers", "testcontainers==4.15.0");
}

function python(name: string, requirement: string): string {
  const folder = join(cache, name);
  const program = join(folder, "bin/python");
  if (existsSync(join(folder, "complete"))) return program;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(cache, { recursive: true });
  execFileSync("python3", ["-m", "venv", folder], { stdio: "inherit" });
  execFileSync(program, ["-m", "pip", "install", "--quiet", requirement], { stdio: "inherit" });
  writeFileSync(join(folder, "complete"), "");
  return program;
}
