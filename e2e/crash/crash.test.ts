import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { dockerArchive, type EngineUnderTest, startEngine, starterRecipe } from "@longshore/testkit";
import { Readable } from "node:stream";
import { expect, test } from "vitest";
import { type Ledger, mixedLoad, newLedger, seeded } from "./load.ts";

const rounds = Number(process.env["CRASH_ROUNDS"] ?? 5);
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);
const image = "longshore/starter:latest";
const WORKERS = 3;
const LONGEST_ROUND_MS = 900;

test.each(["engine", "monitor"] as const)(
  "killing the %s with -9 at random moments loses nothing and leaves nothing",
  async (victim) => {
    console.log(`crash: seed ${seed}, ${rounds} rounds (CRASH_SEED, CRASH_ROUNDS)`);
    await using engine = await startEngine();
    const docker = new Docker({ socketPath: engine.socket });
    await load(docker);
    const keepers = await Promise.all([1, 2].map(() => startKeeper(docker)));
    const ledger = newLedger();
    const random = seeded(seed);
    for (let round = 1; round <= rounds; round++) {
      const stop = new AbortController();
      const workers = Array.from({ length: WORKERS }, () =>
        mixedLoad(engine.socket, image, random, ledger, stop.signal),
      );
      await sleep(50 + random() * LONGEST_ROUND_MS);
      if (victim === "engine") {
        stop.abort();
        await engine.kill9();
        await Promise.all(workers);
        await engine.restart();
      } else {
        for (const pid of await engine.monitors()) process.kill(pid, "SIGKILL");
        await sleep(100 + random() * 200);
        stop.abort();
        await Promise.all(workers);
      }
      await checkKept(docker, ledger, keepers, `round ${round}, seed ${seed}`);
      await forget(docker, ledger);
    }
    await removeAll(docker);
    expect(await settledLeaks(engine)).toEqual([]);
  },
  60_000 + rounds * 20_000,
);

async function load(docker: Docker): Promise<void> {
  const answer = await docker.loadImage(Readable.from([dockerArchive(starterRecipe(image))]));
  answer.resume();
  await new Promise<void>((done) => answer.once("end", () => done()));
}

interface Keeper {
  readonly id: string;
  readonly pid: number;
}

/** A container that counts for ever: it must outlive every crash, and no number may be missing. */
async function startKeeper(docker: Docker): Promise<Keeper> {
  const Cmd = ["sh", "-c", "i=0; while :; do i=$((i+1)); echo $i; usleep 20000; done"];
  const container = await docker.createContainer({ Image: image, Cmd, Labels: { crash: "keeper" } });
  await container.start();
  return { id: container.id, pid: (await container.inspect()).State.Pid };
}

async function checkKept(
  docker: Docker,
  ledger: Ledger,
  keepers: readonly Keeper[],
  when: string,
): Promise<void> {
  const listed = new Set((await docker.listContainers({ all: true })).map((item) => item.Id));
  expect(
    [...ledger.created].filter((id) => !listed.has(id)),
    `lost containers, ${when}`,
  ).toEqual([]);
  expect(
    [...ledger.removed].filter((id) => listed.has(id)),
    `containers back again, ${when}`,
  ).toEqual([]);
  for (const { id, pid } of keepers) {
    const container = docker.getContainer(id);
    const { State } = await container.inspect();
    expect({ running: State.Running, pid: State.Pid }, `keeper, ${when}`).toEqual({ running: true, pid });
    const lines = await linesOf(container);
    const gap = lines.findIndex((line, index) => line !== String(index + 1));
    expect(gap, `first gap in a keeper's ${lines.length} lines, ${when}`).toBe(-1);
  }
  for (const [id, { exitCode, lines }] of ledger.ending) {
    const container = docker.getContainer(id);
    expect(await container.wait(), `exit code of ${id}, ${when}`).toMatchObject({ StatusCode: exitCode });
    expect((await linesOf(container)).length, `lines of ${id}, ${when}`).toBe(lines);
  }
  for (const reference of ledger.images) await docker.getImage(reference).inspect();
}

async function linesOf(container: Docker.Container): Promise<string[]> {
  const framed: Buffer = await container.logs({ stdout: true, stderr: true, follow: false });
  let text = "";
  for (let at = 0; at + 8 <= framed.length; at += 8 + framed.readUInt32BE(at + 4))
    text += framed.subarray(at + 8, at + 8 + framed.readUInt32BE(at + 4)).toString();
  return text.split("\n").slice(0, -1);
}

/** Keeps the number of containers low over many rounds. */
async function forget(docker: Docker, ledger: Ledger): Promise<void> {
  for (const item of await docker.listContainers({ all: true }))
    if (item.Labels["crash"] !== "keeper")
      await docker.getContainer(item.Id).remove({ force: true, v: true });
  for (const reference of ledger.images) await docker.getImage(reference).remove();
  for (const list of [ledger.created, ledger.removed, ledger.ending, ledger.images]) list.clear();
}

async function removeAll(docker: Docker): Promise<void> {
  for (const item of await docker.listContainers({ all: true }))
    await docker.getContainer(item.Id).remove({ force: true, v: true });
}

/** The engine, its monitor and the default bridge may stay; nothing of a container may. */
async function settledLeaks(engine: EngineUnderTest): Promise<readonly string[]> {
  const own = async (): Promise<readonly string[]> =>
    (await engine.leaks()).filter(
      (line) =>
        !line.startsWith("processes: ") &&
        !/^links: lsh[-0-9a-f]*$/.test(line) &&
        !line.startsWith("tables: "),
    );
  const deadline = Date.now() + 10_000;
  let left = await own();
  while (left.length > 0 && Date.now() < deadline) {
    await sleep(200);
    left = await own();
  }
  return left;
}
