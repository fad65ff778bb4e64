import type { LoadRules } from "../contract.ts";
import { runCommand } from "./run-command.ts";

/** All or nothing: nft -f is one transaction. */
export const loadNftScript: LoadRules = (script, signal) =>
  runCommand({ name: "nft", given: ["-f", "-"], input: script, package: "nftables" }, signal);
