import { runCommand } from "./run-command.ts";

/** Loads `script` with nft: one transaction, all or nothing. */
export async function loadNftScript(script: string, signal: AbortSignal): Promise<void> {
  await runCommand({ name: "nft", given: ["-f", "-"], input: script, package: "nftables" }, signal);
}
