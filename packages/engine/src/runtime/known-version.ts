import { readFileSync, renameSync, statSync, writeFileSync } from "node:fs";

interface Known {
  /** What stat(2) says of the program: another one, or a newer one in its place, says something else. */
  readonly mark: string;
  readonly version: string;
}

/**
 * What `ask` answers about `program`, from `file` where an engine before us has noted it: to run a program costs a start several
 * milliseconds. Rejects as `ask` does.
 */
export async function knownVersion(
  file: string,
  program: string,
  ask: () => Promise<string>,
): Promise<string> {
  const mark = markOf(program);
  const known = noted(file);
  if (mark !== undefined && known?.mark === mark) return known.version;
  const version = await ask();
  if (mark !== undefined) {
    writeFileSync(`${file}.new`, JSON.stringify({ mark, version } satisfies Known), { mode: 0o600 });
    renameSync(`${file}.new`, file);
  }
  return version;
}

/** Undefined where there is no such program. */
function markOf(program: string): string | undefined {
  const found = statSync(program, { throwIfNoEntry: false });
  return (
    found && [program, found.dev, found.ino, found.mode, found.size, found.mtimeMs, found.ctimeMs].join(" ")
  );
}

function noted(file: string): Known | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Known;
  } catch {
    return undefined; // none, or none that can be read: it is asked for again
  }
}
