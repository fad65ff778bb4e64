import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";

/** Command lines of the OCI runtime; crun and runc take the same ones. */
export class RuntimeCommands {
  readonly path: string;
  readonly #root: string;

  constructor(runtimePath: string, root: string) {
    this.path = runtimePath;
    this.#root = root;
  }

  run(options: {
    id: string;
    bundle: string;
    pidFile: string;
    errorFile: string;
    consoleSocket: string | undefined;
  }): string[] {
    const { id, bundle, pidFile, errorFile, consoleSocket } = options;
    return [
      ...this.#head(errorFile),
      "run",
      "--detach",
      "--pid-file",
      pidFile,
      "--bundle",
      bundle,
      ...(consoleSocket === undefined ? [] : ["--console-socket", consoleSocket]),
      id,
    ];
  }

  exec(options: {
    id: string;
    processFile: string;
    pidFile: string;
    errorFile: string;
    consoleSocket: string | undefined;
  }): string[] {
    const { id, processFile, pidFile, errorFile, consoleSocket } = options;
    return [
      ...this.#head(errorFile),
      "exec",
      "--detach",
      "--pid-file",
      pidFile,
      "--process",
      processFile,
      ...(consoleSocket === undefined ? [] : ["--console-socket", consoleSocket]),
      id,
    ];
  }

  remove(id: string): string[] {
    return [this.path, "--root", this.#root, "delete", "--force", id];
  }

  update(id: string, resourcesFile: string, errorFile: string): string[] {
    return [...this.#head(errorFile), "update", "--resources", resourcesFile, id];
  }

  /** Where the runtime keeps its record of a container. */
  stateOf(id: string): string {
    return path.join(this.#root, id);
  }

  #head(errorFile: string): string[] {
    return [this.path, "--root", this.#root, "--log", errorFile, "--log-format", "json"];
  }

  async version(signal: AbortSignal): Promise<string> {
    const { stdout } = await promisify(execFile)(this.path, ["--version"], { signal });
    return /version:? v?(\S+)/.exec(stdout)?.[1] ?? path.basename(this.path);
  }
}
