import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { LongshoreError, messageOf } from "#kernel";
import { type Context, publish } from "./context.ts";

const run = promisify(execFile);

/** The host's ps, cut to the container's processes; ps arguments as the client gave them. Throws `invalid` when ps refuses. */
export async function containerTop(
  context: Context,
  name: string,
  psArguments: string,
  signal: AbortSignal,
): Promise<{ titles: readonly string[]; processes: readonly (readonly string[])[] }> {
  const container = context.book.get(name);
  const { task } = context.book.live(container.id);
  if (task === undefined) throw new LongshoreError("conflict", `container ${container.id} is not running`);
  const pids = new Set(await task.pids());
  const words = (psArguments === "" ? "-ef" : psArguments).split(/\s+/).filter((word) => word !== "");
  const output = await run("ps", words, {
    signal,
    maxBuffer: 16 * 1024 * 1024,
    env: { ...process.env, LC_ALL: "C" },
  }).catch((error: unknown) => {
    signal.throwIfAborted();
    throw new LongshoreError("invalid", `ps: ${firstLine(error)}`, { cause: error });
  });
  publish(context, container, "top");
  return cutTable(output.stdout, pids);
}

/** What ps says first: the rest is its usage. */
function firstLine(error: unknown): string {
  const stderr = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  return stderr.split("\n").find((line) => line !== "") ?? messageOf(error);
}

/** Rows of `ps` output whose PID column is in `pids`. The last column keeps its spaces. */
export function cutTable(
  text: string,
  pids: ReadonlySet<number>,
): { titles: readonly string[]; processes: readonly (readonly string[])[] } {
  const [head = "", ...rows] = text.split("\n").filter((line) => line.trim() !== "");
  const titles = head.trim().split(/\s+/);
  const pidColumn = titles.indexOf("PID");
  if (pidColumn < 0) throw new LongshoreError("invalid", "Couldn't find PID field in ps output");
  const processes = rows
    .map((row) => {
      const words = row.trim().split(/\s+/);
      return words.length > titles.length
        ? [...words.slice(0, titles.length - 1), words.slice(titles.length - 1).join(" ")]
        : words;
    })
    .filter((fields) => pids.has(Number(fields[pidColumn])));
  return { titles, processes };
}
