import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { type EngineUnderTest, type Registry, startEngine, startRegistry, tarOf } from "@longshore/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { imageDiskFaults, partialBlobs } from "./image-disk.ts";
import { makePool } from "./image-pool.ts";
import {
  type Acknowledged,
  broken,
  type Ground,
  halfImages,
  pulling,
  type Work,
  works,
} from "./image-works.ts";
import { loadStarter } from "./keepers.ts";
import { seeded } from "./load.ts";

const rounds = Number(process.env["CRASH_ROUNDS"] ?? 1);
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);
const image = "longshore/starter:latest";
const LIMIT_MS = 120_000 + rounds * 30_000;
const random = seeded(seed);

let engine: EngineUnderTest;
let registry: Registry;
let ground: Ground;

beforeAll(async () => {
  console.log(`crash: images, seed ${seed}, ${rounds} rounds each (CRASH_SEED, CRASH_ROUNDS)`);
  [engine, registry] = await Promise.all([startEngine(), startRegistry()]);
  const docker = new Docker({ socketPath: engine.socket });
  await loadStarter(docker, image);
  const container = await docker.createContainer({ Image: image, Cmd: ["true"] });
  await container.putArchive(tarOf([{ name: "changed", data: Buffer.alloc(2_000_000, "changed") }]), {
    path: "/",
  });
  ground = {
    docker,
    socket: engine.socket,
    registry,
    pool: makePool(random, "ls/pool"),
    container: container.id,
  };
});
afterAll(async () => {
  await engine[Symbol.asyncDispose]();
  await registry[Symbol.asyncDispose]();
});

/** Begins the work, lets it go on for a part of the time that it takes, and strikes; answers what was acknowledged. */
async function interrupted(work: Work, tookMs: number, strike: () => Promise<void>): Promise<Acknowledged> {
  const done: Acknowledged = new Map();
  let isStruck = false;
  const ended = work.run(ground, done).catch((error: unknown) => {
    if (!isStruck) throw error;
  });
  await Promise.race([sleep(random() * tookMs), ended]);
  isStruck = true;
  await strike();
  await ended;
  return done;
}

/** Nothing that was acknowledged is lost, nothing is half there, store and disk agree. */
async function expectSound(done: Acknowledged, when: string): Promise<void> {
  expect(await broken(ground, done), `acknowledged, ${when}`).toEqual([]);
  expect(imageDiskFaults(engine.dataRoot), `store and disk, ${when}`).toEqual([]);
  expect(await halfImages(ground), `half images, ${when}`).toEqual([]);
}

/** Does all of the work, from its beginning or on what a crash left; answers how long it took. */
async function whole(work: Work, when: string): Promise<number> {
  const done: Acknowledged = new Map();
  const startedAt = performance.now();
  await work.run(ground, done);
  const tookMs = performance.now() - startedAt;
  await expectSound(done, when);
  expect(partialBlobs(engine.dataRoot), `parts of blobs, ${when}`).toEqual([]);
  return tookMs;
}

async function inRounds(work: Work, round: (tookMs: number, when: string) => Promise<void>): Promise<void> {
  try {
    await work.prepare(ground);
    const tookMs = await whole(work, `${work.name}, undisturbed`);
    for (let count = 1; count <= rounds; count++) {
      const when = `${work.name}, round ${count}, seed ${seed}`;
      await work.prepare(ground);
      await round(tookMs, when);
      await whole(work, `${when}, repeated`);
    }
  } catch (error) {
    console.log(`the engine's last words:\n${engine.log().split("\n").slice(-60).join("\n")}`);
    throw error;
  }
}

test.each(works)(
  "killing the engine with -9 in the midst of $name leaves every image whole or not there",
  async (work) =>
    inRounds(work, async (tookMs, when) => {
      const done = await interrupted(work, tookMs, () => engine.kill9());
      // Now and then it dies again while it puts in order.
      if (random() < 0.3) await engine.crashAtStart(random() * 1_500);
      await engine.restart();
      await expectSound(done, when);
    }),
  LIMIT_MS,
);

test(
  "a registry that is killed in the midst of pulls and comes back loses nothing",
  async () =>
    inRounds(pulling, async (tookMs, when) => {
      const done = await interrupted(pulling, tookMs, async () => {
        await registry.kill9();
        await sleep(random() * 300);
        await registry.restart();
      });
      await expectSound(done, when);
    }),
  LIMIT_MS,
);

test("when all images are removed no file is left", async () => {
  await ground.docker.getContainer(ground.container).remove();
  await ground.docker.pruneImages({ filters: { dangling: { false: true } } });
  expect(imageDiskFaults(engine.dataRoot)).toEqual([]);
  const left = /^data (blobs\/sha256|layers|snapshots|containers|partial)\/./;
  expect((await engine.inventory()).filter((line) => left.test(line))).toEqual([]);
});
