import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Docker from "dockerode";
import { dockerArchive } from "@longshore/testkit";
import type { BareRuntime } from "./bare-runtime.ts";
import type { Peer } from "./peers.ts";

export const IMAGE = "longshore/starter:latest";
const MIB = 1024 * 1024;

export interface Scenario {
  readonly name: string;
  readonly rounds: number;
  /** Milliseconds if absent. */
  readonly unit?: "MiB";
  /** What the issue asks for, as text for the table. */
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

async function timed(work: () => unknown): Promise<number> {
  const startedAt = performance.now();
  await work();
  return performance.now() - startedAt;
}

function timedSync(program: string, ...args: readonly string[]): number {
  const startedAt = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`bench: ${program} ended with ${status}: ${stderr}`);
  return performance.now() - startedAt;
}

/** Every timed scenario, over files in `folder`. */
export function scenarios(folder: string, bare: BareRuntime, rounds: number): readonly Scenario[] {
  const big = join(folder, "300mb.tar");
  const layers = [1, 2, 3].map((n) => [{ name: `big-${n}`, data: noise(100 * MIB, n) }]);
  writeFileSync(big, dockerArchive({ reference: "ls/big:1", layers }));
  const lines = join(folder, "lines");
  writeFileSync(lines, `${"0123456789".repeat(6)}\n`.repeat(Math.ceil((100 * MIB) / 61)));
  let serial = 0;
  return [
    {
      name: "run --rm IMAGE true (CLI)",
      rounds,
      goal: "<= 0.35x dockerd, <= 3x floor",
      measure: (peer) => timed(() => cli(peer, "run", "--rm", IMAGE, "true")),
      floor: () => bare.run(),
    },
    {
      name: "exec true (API)",
      rounds,
      goal: "<= 0.6x dockerd",
      prepare: async (peer) => void cli(peer, "run", "-d", "--name", "bench-exec", IMAGE, "sleep", "100000"),
      measure: (peer) =>
        timed(async () => {
          const container = new Docker({ socketPath: peer.socket }).getContainer("bench-exec");
          const exec = await container.exec({ Cmd: ["true"], AttachStdout: true });
          const stream = await exec.start({});
          stream.resume();
          await new Promise<void>((done) => stream.once("close", () => done()));
        }),
    },
    {
      name: "start of 50 in a row (API)",
      rounds: Math.min(3, rounds),
      goal: "<= 0.4x dockerd",
      async measure(peer) {
        const docker = new Docker({ socketPath: peer.socket });
        const made: Docker.Container[] = [];
        for (let i = 0; i < 50; i++)
          made.push(await docker.createContainer({ Image: IMAGE, Cmd: ["sleep", "1000"] }));
        const took = await timed(async () => {
          for (const container of made) await container.start();
        });
        for (const container of made) await container.remove({ force: true });
        return took;
      },
    },
    {
      name: "list of 200 (API)",
      rounds,
      goal: "<= 1x dockerd",
      async prepare(peer) {
        const docker = new Docker({ socketPath: peer.socket });
        for (let i = 0; i < 200; i++)
          await docker.createContainer({ Image: IMAGE, Labels: { bench: "list" } });
      },
      measure: (peer) => timed(() => new Docker({ socketPath: peer.socket }).listContainers({ all: true })),
    },
    {
      name: "load of 300 MB (CLI)",
      rounds: Math.min(3, rounds),
      goal: "<= 0.5x dockerd",
      async measure(peer) {
        const took = await timed(() => cli(peer, "load", "-i", big));
        cli(peer, "rmi", "-f", "ls/big:1");
        return took;
      },
      floor: () =>
        timedSync("sh", "-c", `mkdir ${folder}/x && tar -xf ${big} -C ${folder}/x && rm -r ${folder}/x`),
    },
    {
      name: "100 MB of log lines",
      rounds: Math.min(3, rounds),
      goal: "<= 0.25x podman",
      async measure(peer) {
        const name = `bench-log-${serial++}`;
        const took = await timed(() => {
          // A file to copy, so that the time is the log's and not the writer's.
          cli(peer, "run", "-d", "--name", name, "-v", `${lines}:/lines:ro`, IMAGE, "cat", "/lines");
          cli(peer, "wait", name);
        });
        cli(peer, "rm", name);
        return took;
      },
      floor: () => timedSync("sh", "-c", `cat ${lines} | cat > ${folder}/log; rm ${folder}/log`),
    },
  ];
}

/** Bytes that don't compress well, the same in each run. */
function noise(sizeBytes: number, seed: number): Buffer {
  const block = Buffer.alloc(MIB);
  let state = seed;
  for (let at = 0; at < block.length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    block.writeUInt32LE(state, at);
  }
  return Buffer.alloc(sizeBytes, block);
}
