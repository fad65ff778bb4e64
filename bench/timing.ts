import { spawnSync } from "node:child_process";
import type { Peer } from "./peers.ts";

export const IMAGE = "longshore/starter:latest";
export const MIB: number = 1024 * 1024;

export interface Scenario {
  readonly name: string;
  readonly rounds: number;
  /** Milliseconds if absent. */
  readonly unit?: "MiB";
  /** What is aimed at, as text for the table. */
  readonly goal: string;
  prepare?(peer: Peer): Promise<void>;
  /** Answers what it measured; what it sets up and takes away isn't counted. */
  measure(peer: Peer): Promise<number>;
  /** The same work without an engine. */
  floor?(): number;
}

export function cli(peer: Peer, ...args: readonly string[]): string {
  const [program = "", ...before] = peer.command;
  const result = spawnSync(program, [...before, ...args], {
    encoding: "utf8",
    maxBuffer: 512 * MIB,
  });
  if (result.status !== 0) throw new Error(`${peer.name}: ${args.join(" ")}: ${result.stderr}`);
  return result.stdout.trim();
}

/** Milliseconds that `work` took. */
export async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

/** Milliseconds that a program took. Throws when it fails. */
export function timedProgram(program: string, ...args: readonly string[]): number {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: ${program} ended with ${status}: ${stderr}`);
  return performance.now() - startedAt;
}

/** Bytes that don't compress well, the same in each run. */
export function noise(sizeBytes: number, seed: number): Buffer {
  const block = Buffer.alloc(Math.min(MIB, sizeBytes));
  let state = seed;
  for (let at = 0; at + 4 <= block.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    block.writeUInt32LE(state, at);
  }
  return Buffer.alloc(sizeBytes, block);
}
