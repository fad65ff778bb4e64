import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { errno, LongshoreError } from "#kernel";

/** Runs a program of the system to its end. Throws `unavailable` when it is missing, `internal` with its own words when it fails. */
export async function runCommand(
  command: {
    readonly name: string;
    readonly given: readonly string[];
    readonly input?: string;
    readonly package: string;
  },
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(command.name, command.given, {
    stdio: ["pipe", "ignore", "pipe"],
    env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    signal,
  });
  const ended = Promise.withResolvers<number | null>();
  child.on("error", ended.reject);
  child.on("close", ended.resolve);
  // A program that ends early closes its input; its exit code says why.
  child.stdin.on("error", () => {});
  child.stdin.end(command.input ?? "");
  try {
    const [code, words] = await Promise.all([ended.promise, text(child.stderr)]);
    if (code !== 0) throw new LongshoreError("internal", `${command.name}: ${words.trim()}`);
  } catch (error) {
    signal.throwIfAborted();
    throw namedIfMissing(error, command);
  }
}

/** The error of a spawn, in words when the program is missing. */
export function namedIfMissing(
  error: unknown,
  command: { readonly name: string; readonly package: string },
): unknown {
  if (errno(error) !== "ENOENT") return error;
  return new LongshoreError(
    "unavailable",
    `${command.name} is missing: install the package ${command.package}`,
    { cause: error },
  );
}
