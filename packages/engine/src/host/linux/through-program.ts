import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { isMainThread } from "node:worker_threads";
import { LongshoreError } from "#kernel";
import { namedIfMissing } from "./run-command.ts";

/**
 * What a program of the system makes of `source`: from its standard input to its standard output. It is gone when the reading ends, early or
 * not. Throws `unavailable` when it is missing, `invalid` with its own words when it fails.
 */
export async function* throughProgram(
  command: { readonly name: string; readonly given: readonly string[]; readonly package: string },
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  signal.throwIfAborted();
  // A thread that is shut into a layer would run what the layer calls by that name.
  if (!isMainThread)
    throw new LongshoreError("internal", `${command.name} is started by the main thread only`);
  const child = spawn(command.name, command.given, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
  });
  const ended = Promise.withResolvers<number | null>();
  child.on("error", ended.reject);
  child.on("close", ended.resolve);
  const words = text(child.stderr);
  let sourceFault: unknown;
  async function* taken(): AsyncGenerator<Uint8Array> {
    try {
      yield* source;
    } catch (error) {
      sourceFault = error;
      throw error;
    }
  }
  // A program that ends early closes its input; its exit code says why.
  const fed = pipeline(Readable.from(taken(), { objectMode: false }), child.stdin, { signal }).catch(
    () => {},
  );
  ended.promise.catch(() => {});
  words.catch(() => {});
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    const [code, said] = await Promise.all([ended.promise, words, fed]);
    if (sourceFault !== undefined) throw sourceFault;
    if (code !== 0) throw new LongshoreError("invalid", `${command.name}: ${said.trim().slice(0, 300)}`);
  } catch (error) {
    signal.throwIfAborted();
    throw namedIfMissing(error, command);
  } finally {
    child.kill("SIGKILL");
    child.stdin.destroy();
    await fed;
  }
}
