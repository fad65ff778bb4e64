import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { errno, LongshoreError } from "#kernel";

/** Runs nft with `script` on its input: one transaction. Throws `unavailable` when there is no nft, `internal` with nft's words. */
export async function loadNftScript(script: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = spawn("nft", ["-f", "-"], { stdio: ["pipe", "ignore", "pipe"], signal });
  const ended = Promise.withResolvers<number | null>();
  child.on("error", ended.reject);
  child.on("close", ended.resolve);
  // A program that ends early closes its input; its exit code says why.
  child.stdin.on("error", () => {});
  child.stdin.end(script);
  try {
    const [code, words] = await Promise.all([ended.promise, text(child.stderr)]);
    if (code !== 0) throw new LongshoreError("internal", `nft refused the rules: ${words.trim()}`);
  } catch (error) {
    signal.throwIfAborted();
    if (errno(error) === "ENOENT")
      throw new LongshoreError(
        "unavailable",
        "nft is missing: install the nftables package for container networks",
        { cause: error },
      );
    throw error;
  }
}
