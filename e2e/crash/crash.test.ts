import { setTimeout as sleep } from "node:timers/promises";
import Docker from "dockerode";
import { difference, type EngineUnderTest, startEngine } from "@longshore/testkit";
import { expect, test } from "vitest";
import { loadStarter, startKeeper } from "./keepers.ts";
import { checkKept, forget, newLedger } from "./ledger.ts";
import { mixedLoad, seeded } from "./load.ts";

const rounds = Number(process.env["CRASH_ROUNDS"] ?? 2);
const seed = Number(process.env["CRASH_SEED"] ?? Date.now() % 1_000_000);
const image = "longshore/starter:latest";
const cgroupParent = `/longshore-crash-${process.pid}`;
const WORKERS = 3;
const LONGEST_ROUND_MS = 900;
const ROUND_LIMIT_MS = 90_000;
const SETTLE_LIMIT_MS = 15_000;
const INVENTORY_EVERY = 10;

type Victim = "engine" | "monitor" | "engine and monitor" | "engine and monitor, again at the next start";
const victims: readonly Victim[] = [
  "engine",
  "monitor",
  "engine and monitor",
  "engine and monitor, again at the next start",
];

test.each(victims)(
  "killing the %s with -9 at random moments loses nothing and leaves nothing",
  async (victim) => {
    console.log(`crash: ${victim}, seed ${seed}, ${rounds} rounds (CRASH_SEED, CRASH_ROUNDS)`);
    const startedAt = performance.now();
    await using engine = await startEngine({ cgroupParent });
    const docker = new Docker({ socketPath: engine.socket });
    const ledger = newLedger();
    try {
      await loadStarter(docker, image);
      // What the first container of an engine brings about for all later ones belongs to the engine.
      await docker
        .getContainer((await startKeeper(docker, image, cgroupParent)).id)
        .remove({ force: true, v: true });
      const atFirst = await engine.inventory();
      const keepers = await Promise.all([1, 2].map(() => startKeeper(docker, image, cgroupParent)));
      const withKeepers = await engine.inventory();
      const random = seeded(seed);
      for (let round = 1; round <= rounds; round++) {
        const when = `round ${round}, seed ${seed}`;
        await within(ROUND_LIMIT_MS, when, async () => {
          const stop = new AbortController();
          const workers = Array.from({ length: WORKERS }, () =>
            mixedLoad({ socket: engine.socket, image, cgroupParent, random, ledger }, stop.signal),
          );
          await sleep(50 + random() * LONGEST_ROUND_MS);
          await strike(victim, engine, random, stop, Promise.all(workers));
          await checkKept(docker, engine.dataRoot, ledger, keepers, when);
          await forget(docker, ledger);
        });
        if (round % INVENTORY_EVERY === 0)
          expect(await settled(engine, withKeepers), `difference after ${when}`).toEqual([]);
      }
      for (const { id } of keepers) await docker.getContainer(id).remove({ force: true, v: true });
      expect(await settled(engine, atFirst)).toEqual([]);
    } catch (error) {
      console.log(`the engine's last words:\n${engine.log().split("\n").slice(-60).join("\n")}`);
      throw error;
    }
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.log(
      `crash: ${victim}, seed ${seed}, ${rounds} rounds in ${seconds} s, acknowledged:`,
      ledger.counts,
    );
  },
  120_000 + rounds * 20_000,
);

/** Kills; whoever is asked afterwards answers again. */
async function strike(
  victim: Victim,
  engine: EngineUnderTest,
  random: () => number,
  stop: AbortController,
  workers: Promise<unknown>,
): Promise<void> {
  if (victim === "monitor") {
    engine.signalMonitor("SIGKILL");
    await sleep(100 + random() * 200);
    stop.abort();
    await workers;
    return;
  }
  stop.abort();
  if (victim !== "engine") engine.signalMonitor("SIGKILL");
  await engine.kill9();
  await workers;
  if (victim !== "engine") await sleep(random() * 300);
  if (victim === "engine and monitor, again at the next start")
    for (let times = 1 + Math.floor(random() * 2); times > 0; times--)
      await engine.crashAtStart(random() * 1_500);
  await engine.restart();
}

/** What differs from `before` all the time while the engine may still put away. Other engines' veths come and go. */
async function settled(engine: EngineUnderTest, before: readonly string[]): Promise<readonly string[]> {
  const deadline = performance.now() + SETTLE_LIMIT_MS;
  let left = difference(before, await engine.inventory());
  while (left.length > 0 && performance.now() < deadline) {
    await sleep(200);
    const now = difference(before, await engine.inventory());
    left = left.filter((line) => now.includes(line));
  }
  return left;
}

async function within(limitMs: number, when: string, work: () => Promise<void>): Promise<void> {
  const limit = new AbortController();
  const late = sleep(limitMs, undefined, { signal: limit.signal }).then(
    () => Promise.reject(new Error(`something hangs: no end after ${limitMs} ms, ${when}`)),
    () => {},
  );
  await Promise.race([work(), late]);
  limit.abort();
}
