import { existsSync } from "node:fs";
import { join } from "node:path";
import { cleanStart } from "./clean-start.ts";

/** What to do about an engine: join one, or start ours when nobody answers. */
export interface EnginePlan {
  readonly socketPath: string;
  /** Absent: only join. */
  readonly start?: {
    readonly command: readonly string[];
    readonly stateRoot: string;
  };
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * `--socket` or LONGSHORE_SOCKET alone joins the engine there and never starts one (it may be somebody's dockerd).
 * Otherwise ours runs under `--data-root` and `--state-root`, by default the places of the system or of the user.
 */
export function enginePlan(argv: readonly string[], env: Environment, appFolder: string): EnginePlan {
  const socket = flag(argv, "--socket") ?? env["LONGSHORE_SOCKET"];
  const givenState = flag(argv, "--state-root");
  const givenData = flag(argv, "--data-root");
  if (socket !== undefined && socket !== "" && givenState === undefined && givenData === undefined)
    return { socketPath: socket };
  const isRoot = process.getuid?.() === 0;
  const home = env["HOME"] ?? "/";
  const dataRoot =
    givenData ??
    (isRoot ? "/var/lib/longshore" : join(env["XDG_DATA_HOME"] ?? join(home, ".local/share"), "longshore"));
  const stateRoot =
    givenState ??
    (isRoot ? "/run/longshore" : join(env["XDG_RUNTIME_DIR"] ?? join(home, ".local/state"), "longshore"));
  const socketPath = socket ?? join(stateRoot, "engine.sock");
  const { node, entry } = engineProgram(env, appFolder);
  return {
    socketPath,
    start: {
      command: [
        node,
        ...cleanStart(entry, ["--socket", socketPath, "--data-root", dataRoot, "--state-root", stateRoot]),
      ],
      stateRoot,
    },
  };
}

/** The repository's own Node 24 and sources in development, the shipped pair in an installed app; never Electron's Node. */
function engineProgram(
  env: Environment,
  appFolder: string,
): { readonly node: string; readonly entry: string } {
  const root = join(appFolder, "../../../..");
  const shipped = join(appFolder, "../engine");
  if (existsSync(join(shipped, "main.js")))
    return { node: env["LONGSHORE_NODE"] ?? join(shipped, "node"), entry: join(shipped, "main.js") };
  return {
    node: env["LONGSHORE_NODE"] ?? join(root, "node_modules/.bin/node"),
    entry: join(root, "packages/engine/src/main.ts"),
  };
}

function flag(argv: readonly string[], name: string): string | undefined {
  for (const [at, word] of argv.entries()) {
    if (word === name) return argv[at + 1];
    if (word.startsWith(`${name}=`)) return word.slice(name.length + 1);
  }
  return undefined;
}
