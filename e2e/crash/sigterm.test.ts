import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { type EngineUnderTest, startEngine } from "@longshore/testkit";
import { expect, test } from "vitest";
import { exitCodeOf } from "./exit-code.ts";
import { readLines } from "./frames.ts";
import { loadStarter, startKeeper } from "./keepers.ts";
import { checkKept, newLedger } from "./ledger.ts";
import { mixedLoad, seeded } from "./load.ts";

const image = "longshore/starter:latest";
const cgroupParent = `/longshore-sigterm-${process.pid}`;

type Trouble = "nothing is wrong" | "the monitor was just killed" | "the monitor is stuck";
const troubles: readonly Trouble[] = [
  "nothing is wrong",
  "the monitor was just killed",
  "the monitor is stuck",
];

test.each(troubles)(
  "SIGTERM ends a busy engine by itself and leaves containers running: %s",
  async (trouble) => {
    await using engine = await startEngine({ cgroupParent });
    await using registry = await silentRegistry();
    const docker = new Docker({ socketPath: engine.socket });
    await loadStarter(docker, image);
    const keeper = await startKeeper(docker, image, cgroupParent);
    const stop = new AbortController();
    const load = { socket: engine.socket, image, cgroupParent, random: seeded(1), ledger: newLedger() };
    const busy = [
      mixedLoad(load, stop.signal),
      mixedLoad(load, stop.signal),
      docker.pull(`127.0.0.1:${registry.port}/nothing:latest`).catch(() => {}),
      runForEver(docker, keeper.id),
      exitCodeOf(engine.socket, keeper.id).catch(() => {}),
    ];
    await sleep(500);
    stop.abort();
    if (trouble !== "nothing is wrong")
      engine.signalMonitor(trouble === "the monitor is stuck" ? "SIGSTOP" : "SIGKILL");
    const tookMs = await engine.stop();
    console.log(`SIGTERM, ${trouble}: the engine ended after ${Math.round(tookMs)} ms`);
    await Promise.all(busy);
    engine.signalMonitor("SIGCONT");
    await engine.restart();
    await checkKept(docker, engine.dataRoot, load.ledger, [keeper], trouble);
    await expectStops(engine);
  },
);

/** Also an engine that only just begins. */
async function expectStops(engine: EngineUnderTest): Promise<void> {
  expect(await engine.stop()).toBeGreaterThan(0);
}

async function runForEver(docker: Docker, id: string): Promise<void> {
  try {
    const exec = await docker.getContainer(id).exec({ Cmd: ["sleep", "1000"], AttachStdout: true });
    await readLines(await exec.start({}));
  } catch {
    // the engine went away over it
  }
}

/** Takes connections and never answers. */
async function silentRegistry(): Promise<{ readonly port: number } & AsyncDisposable> {
  const server: Server = createServer(() => {});
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}
