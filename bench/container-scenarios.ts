import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import type { BareRuntime } from "./bare-runtime.ts";
import type { Peer } from "./peers.ts";
import { cli, IMAGE, MIB, type Scenario, timed, timedProgram } from "./timing.ts";

const EVENT_LIMIT_MS = 10_000;

const api = (peer: Peer): Docker => new Docker({ socketPath: peer.socket });

/** What people wait for with containers: starts, execs, lists, ends, logs. */
export function containerScenarios(folder: string, bare: BareRuntime, rounds: number): readonly Scenario[] {
  const few = Math.min(3, rounds);
  return [
    {
      name: "run --rm IMAGE true (CLI)",
      rounds,
      goal: "<= 0.22x dockerd, <= 2x floor",
      measure: (peer) => timed(() => cli(peer, "run", "--rm", IMAGE, "true")),
      floor: () => bare.run(),
    },
    {
      name: "run, wait, remove (API)",
      rounds,
      goal: "<= 0.2x dockerd, <= 1.5x floor",
      measure: (peer) =>
        timed(async () => {
          const container = await api(peer).createContainer({ Image: IMAGE, Cmd: ["true"] });
          await container.start();
          await container.wait();
          await container.remove();
        }),
      floor: () => bare.run(),
    },
    {
      name: "exec true (API)",
      rounds,
      goal: "<= 0.5x dockerd, <= 1.5x floor",
      prepare: async (peer) => void cli(peer, "run", "-d", "--name", "bench-exec", IMAGE, "sleep", "100000"),
      measure: (peer) =>
        timed(async () => {
          const exec = await api(peer)
            .getContainer("bench-exec")
            .exec({ Cmd: ["true"], AttachStdout: true });
          const stream = await exec.start({});
          stream.resume();
          await new Promise<void>((done) => stream.once("close", () => done()));
        }),
      floor: () => bare.exec(),
    },
    {
      name: "start of 50 in a row (API)",
      rounds: few,
      goal: "<= 0.3x dockerd",
      measure: async (peer) => (await fifty(peer)).startsMs,
    },
    {
      name: "forced removal of 50 (API)",
      rounds: few,
      goal: "<= 0.5x dockerd",
      measure: async (peer) => (await fifty(peer)).removalsMs,
    },
    {
      name: "die event seen after a kill (API)",
      rounds,
      goal: "<= 0.3x dockerd",
      measure: dieEvent,
    },
    {
      name: "list of 200 (API)",
      rounds,
      goal: "<= 0.5x dockerd",
      async prepare(peer) {
        for (let i = 0; i < 200; i++)
          await api(peer).createContainer({ Image: IMAGE, Labels: { bench: "list" } });
      },
      measure: (peer) => timed(() => api(peer).listContainers({ all: true })),
    },
    {
      name: "inspect (API)",
      rounds,
      goal: "<= 1x dockerd",
      measure: (peer) => timed(() => api(peer).getContainer("bench-exec").inspect()),
    },
    ...logScenarios(folder, few),
    {
      name: "boot with 200 containers until they are listed",
      rounds: few,
      goal: "<= 1x podman",
      // podman's service comes back in other namespaces, where its running containers are none.
      prepare: async (peer) => void cli(peer, "rm", "-f", "bench-exec"),
      measure: async (peer) =>
        (await peer.restart()) + (await timed(() => api(peer).listContainers({ all: true }))),
    },
    {
      name: "CPU of an idle engine in 10 s",
      rounds: 1,
      goal: "0",
      async measure(peer) {
        const before = peer.cpuMs();
        await sleep(10_000);
        return peer.cpuMs() - before;
      },
    },
  ];
}

async function fifty(peer: Peer): Promise<{ startsMs: number; removalsMs: number }> {
  const made: Docker.Container[] = [];
  for (let i = 0; i < 50; i++)
    made.push(await api(peer).createContainer({ Image: IMAGE, Cmd: ["sleep", "1000"] }));
  const startsMs = await timed(async () => {
    for (const container of made) await container.start();
  });
  const removalsMs = await timed(async () => {
    for (const container of made) await container.remove({ force: true });
  });
  return { startsMs, removalsMs };
}

/** From the request that kills to the event that says so; podman's filter doesn't know the word "die". */
async function dieEvent(peer: Peer): Promise<number> {
  const container = await api(peer).createContainer({ Image: IMAGE, Cmd: ["sleep", "1000"] });
  await container.start();
  const events = (await api(peer).getEvents({ filters: { container: [container.id] } })) as Readable;
  const told = new Promise<void>((done) => {
    events.on("data", (piece: Buffer) => {
      if (/"Action":"die"/.test(piece.toString("utf8"))) done();
    });
  });
  const took = await timed(async () => {
    await container.kill();
    await Promise.race([told, sleep(EVENT_LIMIT_MS)]);
  });
  events.destroy();
  await container.remove({ force: true });
  return took < EVENT_LIMIT_MS ? took : Number.NaN;
}

function logScenarios(folder: string, rounds: number): readonly Scenario[] {
  const lines = join(folder, "lines");
  writeFileSync(lines, `${"0123456789".repeat(6)}\n`.repeat(Math.ceil((100 * MIB) / 61)));
  let serial = 0;
  /** A file to copy, so that the time is the log's and not the writer's. */
  const write = (peer: Peer, name: string): void => {
    cli(peer, "run", "-d", "--name", name, "-v", `${lines}:/lines:ro`, IMAGE, "cat", "/lines");
    cli(peer, "wait", name);
  };
  return [
    {
      name: "100 MB of log lines written",
      rounds,
      goal: "<= 0.15x dockerd",
      async measure(peer) {
        const name = `bench-log-${serial++}`;
        const took = await timed(() => write(peer, name));
        cli(peer, "rm", name);
        return took;
      },
      floor: () => timedProgram("sh", "-c", `cat ${lines} | cat > ${folder}/log; rm ${folder}/log`),
    },
    {
      name: "100 MB of log lines read (CLI)",
      rounds,
      goal: "<= 0.1x dockerd",
      prepare: async (peer) => write(peer, "bench-read"),
      measure: (peer) =>
        timed(() => {
          const [program = "", ...before] = peer.command;
          const { status } = spawnSync(program, [...before, "logs", "bench-read"], { stdio: "ignore" });
          if (status !== 0) throw new Error(`bench: ${peer.name} could not read a log`);
        }),
      floor: () => timedProgram("sh", "-c", `cat ${lines} > /dev/null`),
    },
  ];
}
