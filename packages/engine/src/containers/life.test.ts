import { describe, expect, test } from "vitest";
import type { Status } from "./contract.ts";
import { sleeper } from "#testing/runtime";
import { type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

const programs = {
  sleeper,
  polite: async (process: { signal(): Promise<number> }) => 100 + (await process.signal()),
};

/** Waits for a state; every step up to it writes files, so it comes after some turns of the loop. */
async function reaches(
  ground: FakeGround,
  id: string,
  wanted: readonly [status: Status, code: number, restarts: number],
): Promise<void> {
  await expect.poll(() => stateOf(ground, id), { interval: 1, timeout: 4000 }).toEqual(wanted);
}

/** Waits until exactly these waits lie before the clock. */
async function sleeps(ground: FakeGround, waits: readonly number[]): Promise<void> {
  await expect.poll(() => ground.clock.waits, { interval: 1, timeout: 4000 }).toEqual(waits);
}

async function run(
  ground: FakeGround,
  command: string,
  host: Parameters<typeof plainRequest>[1],
  signal: AbortSignal,
): Promise<string> {
  const { id } = await ground.room.create(plainRequest([command], host), signal);
  await ground.room.start(id, signal);
  return id;
}

const stateOf = (ground: FakeGround, id: string): readonly [Status, number, number] => {
  const { state, restartCount } = ground.room.get(id);
  return [state.status, state.exitCode, restartCount];
};

describe("restart policies", () => {
  test("the back-off doubles from 100 ms to a minute and is reset by a steady run", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(
      ground,
      "sleeper",
      { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
      signal,
    );
    const wanted = [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000];
    for (const [round, wait] of wanted.entries()) {
      ground.machine.end(id, 1);
      await reaches(ground, id, ["restarting", 1, round]);
      await sleeps(ground, [wait]);
      ground.clock.advance(wait);
      await reaches(ground, id, ["running", 0, round + 1]);
    }
    ground.clock.advance(11_000);
    ground.machine.end(id, 1);
    await sleeps(ground, [100]);
  });

  test("on-failure:2 gives up after two restarts and lets a success end it", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const policy = { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 } } as const;
    const failing = await run(ground, "sleeper", policy, signal);
    for (const round of [0, 1]) {
      ground.machine.end(failing, 7);
      await reaches(ground, failing, ["restarting", 7, round]);
      await sleeps(ground, [100 * 2 ** round]);
      ground.clock.advance(60_000);
      await reaches(ground, failing, ["running", 0, round + 1]);
    }
    ground.machine.end(failing, 7);
    await reaches(ground, failing, ["exited", 7, 2]);
    const succeeding = await run(ground, "sleeper", policy, signal);
    ground.machine.end(succeeding, 0);
    await reaches(ground, succeeding, ["exited", 0, 0]);
  });

  test("stop ends a wait for the next restart, and the engine's next start respects it", async ({
    signal,
  }) => {
    await using ground = await openOnFakes({ programs });
    const ids = await Promise.all(
      (["always", "unless-stopped"] as const).map((Name) =>
        run(ground, "sleeper", { RestartPolicy: { Name, MaximumRetryCount: 0 } }, signal),
      ),
    );
    for (const id of ids) {
      ground.machine.end(id, 1);
      await sleeps(ground, [100]);
      await ground.room.stop(id, {}, signal);
      expect(stateOf(ground, id)).toEqual(["exited", 1, 0]);
      await sleeps(ground, []);
    }
    ground.clock.advance(60_000);
    await ground.restart();
    await sleeps(ground, [0]);
    ground.clock.advance(0);
    await reaches(ground, ids[0] ?? "", ["running", 0, 1]);
    expect(stateOf(ground, ids[1] ?? "")).toEqual(["exited", 1, 0]);
  });

  test("kill ends the policy for one exit, start by hand takes it up again", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(
      ground,
      "sleeper",
      { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
      signal,
    );
    await ground.room.kill(id, "KILL", signal);
    await reaches(ground, id, ["exited", 137, 0]);
    await ground.room.start(id, signal);
    ground.machine.end(id, 3);
    await reaches(ground, id, ["restarting", 3, 0]);
  });
});

describe("stop", () => {
  test("a process that obeys ends with its own code; one that does not is killed after its time", async ({
    signal,
  }) => {
    await using ground = await openOnFakes({ programs });
    const polite = await run(ground, "polite", {}, signal);
    await ground.room.stop(polite, {}, signal);
    expect(stateOf(ground, polite)).toEqual(["exited", 115, 0]);
    const deaf = await run(ground, "sleeper", {}, signal);
    const stopped = ground.room.stop(deaf, { timeoutSeconds: 3 }, signal);
    await sleeps(ground, [3000]);
    expect(ground.room.get(deaf).state.status).toBe("running");
    ground.clock.advance(3000);
    await stopped;
    expect(stateOf(ground, deaf)).toEqual(["exited", 137, 0]);
    expect(ground.events.actions(deaf)).toEqual(["create", "start", "kill", "kill", "die", "stop"]);
    await expect(ground.room.stop(deaf, {}, signal)).rejects.toMatchObject({ kind: "unchanged" });
  });

  test("an exit while a stop waits is that stop's end, also for two of them", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(
      ground,
      "sleeper",
      { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } },
      signal,
    );
    const stops = [ground.room.stop(id, {}, signal), ground.room.stop(id, { timeoutSeconds: -1 }, signal)];
    await sleeps(ground, [10_000]);
    ground.machine.end(id, 9);
    await Promise.all(stops);
    expect(stateOf(ground, id)).toEqual(["exited", 9, 0]);
    await sleeps(ground, []);
  });

  test("a paused container is resumed to be stopped", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(ground, "polite", {}, signal);
    await ground.room.pause(id);
    expect(ground.room.get(id).state.status).toBe("paused");
    await expect(ground.room.pause(id)).rejects.toMatchObject({ kind: "conflict" });
    await ground.room.stop(id, {}, signal);
    expect(stateOf(ground, id)).toEqual(["exited", 115, 0]);
    await expect(ground.room.unpause(id)).rejects.toMatchObject({ kind: "conflict" });
  });
});

describe("the end of a container", () => {
  test("wait answers each condition with the right exit", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id } = await ground.room.create(plainRequest(["sleeper"], { AutoRemove: true }), signal);
    await expect(ground.room.wait(id, "not-running", signal)).resolves.toEqual({ code: 0 });
    const [next, removed] = [
      ground.room.wait(id, "next-exit", signal),
      ground.room.wait(id, "removed", signal),
    ];
    await ground.room.start(id, signal);
    const over = ground.room.wait(id, "not-running", signal);
    ground.machine.end(id, 5);
    await expect(Promise.all([next, removed, over])).resolves.toEqual([
      { code: 5 },
      { code: 5 },
      { code: 5 },
    ]);
    expect(() => ground.room.get(id)).toThrow(/No such container/);
    // Told when all of it is gone, a moment after who waits is answered.
    await expect
      .poll(() => ground.events.actions(id), { interval: 1 })
      .toEqual(["create", "start", "die", "destroy"]);
  });

  test("a restart is no end for --rm; the next end is, and so is a start that fails", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(ground, "polite", { AutoRemove: true }, signal);
    const removed = ground.room.wait(id, "removed", signal);
    await ground.room.restart(id, {}, signal);
    expect(stateOf(ground, id)).toEqual(["running", 0, 0]);
    await Promise.all([ground.room.restart(id, {}, signal), ground.room.restart(id, {}, signal)]);
    expect(stateOf(ground, id)).toEqual(["running", 0, 0]);
    await ground.room.stop(id, {}, signal);
    await expect(removed).resolves.toEqual({ code: 115 });
    expect(ground.room.list()).toEqual([]);
  });

  test("an out-of-memory kill is told as such", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(ground, "sleeper", {}, signal);
    ground.machine.end(id, 137, true);
    await reaches(ground, id, ["exited", 137, 0]);
    expect(ground.room.get(id).state.isOomKilled).toBe(true);
    expect(ground.events.actions(id)).toEqual(["create", "start", "oom", "die"]);
    await ground.room.start(id, signal);
    expect(ground.room.get(id).state.isOomKilled).toBe(false);
  });

  test("a start that fails leaves it created with Docker's exit code; --rm leaves nothing", async ({
    signal,
  }) => {
    await using ground = await openOnFakes({ programs });
    const { id } = await ground.room.create(plainRequest(["nosuch"]), signal);
    await expect(ground.room.start(id, signal)).rejects.toMatchObject({ kind: "invalid" });
    expect(stateOf(ground, id)).toEqual(["created", 127, 0]);
    expect(ground.room.get(id).state.error).toContain("executable file not found");
    const gone = await ground.room.create(plainRequest(["nosuch"], { AutoRemove: true }), signal);
    await expect(ground.room.start(gone.id, signal)).rejects.toMatchObject({ kind: "invalid" });
    expect(ground.room.list().map((container) => container.id)).toEqual([id]);
  });

  test("what can't be killed or renamed is told in Docker's words", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id } = await ground.room.create({ ...plainRequest(["sleeper"]), name: "web" }, signal);
    const other = await ground.room.create({ ...plainRequest(["sleeper"]), name: "db" }, signal);
    for (const [name, signalName, kind, why] of [
      ["web", "KILL", "conflict", `container ${id} is not running`],
      ["web", "BOGUS", "invalid", "invalid signal: BOGUS"],
      ["web", "99", "invalid", "the linux daemon does not support signal 99"],
      ["nope", "TERM", "not_found", "No such container: nope"],
    ] as const)
      await expect(ground.room.kill(name, signalName, signal)).rejects.toMatchObject({
        kind,
        message: `cannot kill container: ${name}: ${why}`,
      });
    await expect(ground.room.rename("web", "bad name")).rejects.toMatchObject({
      kind: "invalid",
      message:
        "Error when allocating new name: Invalid container name (/bad name), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
    });
    await expect(ground.room.rename("web", "db")).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringMatching(
        new RegExp(`^Error when allocating new name: Conflict\\. .* by container "${other.id}"`),
      ),
    });
  });

  test("renames at the same time leave one name, and all others free", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id } = await ground.room.create({ ...plainRequest(["sleeper"]), name: "name0" }, signal);
    const names = ["name1", "name2", "name3", "name4"];
    await Promise.all(names.map((name) => ground.room.rename(id, name)));
    const { name: last } = ground.room.get(id);
    expect(names).toContain(last);
    for (const name of ["name0", ...names]) {
      if (name === last) continue;
      expect(() => ground.room.get(name)).toThrow("No such container");
      await ground.room.create({ ...plainRequest(["sleeper"]), name }, signal);
    }
  });

  test("force remove kills, tells everyone who waits and frees the name", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id } = await ground.room.create({ ...plainRequest(["sleeper"]), name: "web" }, signal);
    await ground.room.start(id, signal);
    await expect(
      ground.room.remove("web", { isForced: false, hasVolumes: false }, signal),
    ).rejects.toMatchObject({ kind: "conflict" });
    const removed = ground.room.wait(id, "removed", signal);
    await ground.room.remove("web", { isForced: true, hasVolumes: false }, signal);
    await expect(removed).resolves.toEqual({ code: 137 });
    await expect(
      ground.room.create({ ...plainRequest(["sleeper"]), name: "web" }, signal),
    ).resolves.toBeDefined();
  });
});

describe("clean-up", () => {
  test("a forced removal during a start ends what the start brought about", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const { id } = await ground.room.create(plainRequest(["sleeper"]), signal);
    const removed = ground.room.wait(id, "removed", signal);
    const starting = ground.room.start(id, signal);
    await ground.room.remove(id, { isForced: true, hasVolumes: false }, signal);
    await starting;
    await expect(removed).resolves.toEqual({ code: 137 });
    expect(
      ground.events.actions(id).filter((action) => ["start", "die", "destroy"].includes(action)),
    ).toEqual(["start", "die", "destroy"]);
  });

  test("shared memory is mounted while its container runs", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const id = await run(ground, "sleeper", { IpcMode: "shareable" }, signal);
    expect(ground.mounts.below(ground.folder)).toEqual([expect.stringMatching(new RegExp(`/shm/${id}$`))]);
    ground.machine.end(id, 0);
    await expect.poll(() => ground.mounts.below(ground.folder), { interval: 1 }).toEqual([]);
  });

  test("one that failed is tried again with back-off", async ({ signal }) => {
    let failures = 0;
    let successes = 0;
    const unmountShm = async (): Promise<void> => {
      if (failures-- > 0) throw new Error("busy");
      successes++;
    };
    await using ground = await openOnFakes({ programs, facts: { unmountShm } });
    const id = await run(ground, "sleeper", { IpcMode: "shareable" }, signal);
    failures = 2;
    successes = 0;
    ground.machine.end(id, 0);
    await sleeps(ground, [100]);
    ground.clock.advance(100);
    await sleeps(ground, [200]);
    expect(successes).toBe(0);
    ground.clock.advance(200);
    await expect.poll(() => successes, { interval: 1 }).toBeGreaterThan(0);
    await sleeps(ground, []);
  });

  test("one that failed is done by the next start, before anything else", async ({ signal }) => {
    let failures = 0;
    const unmountShm = async (): Promise<void> => {
      if (failures-- > 0) throw new Error("busy");
    };
    await using ground = await openOnFakes({ programs, facts: { unmountShm } });
    const id = await run(ground, "sleeper", { IpcMode: "shareable" }, signal);
    failures = 1;
    ground.machine.end(id, 0);
    await sleeps(ground, [100]);
    await ground.room.start(id, signal);
    expect(failures).toBeLessThan(0);
    ground.clock.advance(100);
    await sleeps(ground, []);
    expect(stateOf(ground, id)).toEqual(["running", 0, 0]);
  });
});

describe("names", () => {
  test("rename under load: every name has one holder at any time, losers get a conflict", async ({
    signal,
  }) => {
    await using ground = await openOnFakes({ programs });
    const ids = await Promise.all(
      Array.from({ length: 8 }, async (_, index) => {
        const { id } = await ground.room.create({ ...plainRequest(["sleeper"]), name: `c${index}` }, signal);
        return id;
      }),
    );
    const outcomes = await Promise.allSettled(
      ids.flatMap((id) => ["shared", "other", "third"].map((name) => ground.room.rename(id, name))),
    );
    for (const outcome of outcomes)
      if (outcome.status === "rejected")
        expect(outcome.reason).toMatchObject({ kind: expect.stringMatching(/conflict|invalid/) as string });
    const names = ground.room.list().map((container) => container.name);
    expect(new Set(names).size).toBe(ids.length);
    for (const container of ground.room.list()) expect(ground.room.get(container.name).id).toBe(container.id);
    for (const name of ["c0", "shared", "other", "third"].filter((text) => !names.includes(text)))
      await expect(ground.room.create({ ...plainRequest(["sleeper"]), name }, signal)).resolves.toBeDefined();
  });
});

describe("the next engine", () => {
  test("adopts what runs, finishes what ended meanwhile, and fires the policy once", async ({ signal }) => {
    await using ground = await openOnFakes({ programs });
    const running = await run(ground, "sleeper", {}, signal);
    const ended = await run(ground, "sleeper", {}, signal);
    const always = { RestartPolicy: { Name: "always", MaximumRetryCount: 0 } } as const;
    const again = await run(ground, "sleeper", always, signal);
    await ground.restart(() => {
      ground.machine.end(ended, 6);
      ground.machine.end(again, 1);
    });
    await reaches(ground, ended, ["exited", 6, 0]);
    await reaches(ground, again, ["restarting", 1, 0]);
    expect(stateOf(ground, running)).toEqual(["running", 0, 0]);
    await sleeps(ground, [100]);
    ground.clock.advance(100);
    await reaches(ground, again, ["running", 0, 1]);
    const waiting = ground.room.wait(running, "next-exit", signal);
    ground.machine.end(running, 4);
    await expect(waiting).resolves.toEqual({ code: 4 });
  });
});

test("a restart that waits for its process for ever keeps nobody else from the container", async ({
  signal,
}) => {
  await using ground = await openOnFakes({ programs });
  const id = await run(ground, "sleeper", {}, signal);
  const restarted = ground.room.restart(id, { signal: "SIGCONT", timeoutSeconds: -1 }, signal);
  await expect(ground.room.start(id, signal)).rejects.toMatchObject({ kind: "unchanged" });
  await ground.room.update(id, { CpuShares: 99 });
  const { pid } = ground.room.get(id).state;
  ground.machine.end(id, 0);
  await restarted;
  expect(ground.room.get(id).state.status).toBe("running");
  expect(ground.room.get(id).state.pid).not.toBe(pid);
});

test("a stop of a container whose process has just ended, or ends by its first signal, is done", async ({
  signal,
}) => {
  await using ground = await openOnFakes({ programs });
  const first = await run(ground, "sleeper", {}, signal);
  ground.machine.end(first, 3);
  await ground.room.stop(first, {}, signal);
  expect(stateOf(ground, first)).toEqual(["exited", 3, 0]);
  const second = await run(ground, "sleeper", {}, signal);
  await ground.room.stop(second, { signal: "SIGKILL", timeoutSeconds: 0 }, signal);
  expect(stateOf(ground, second)).toEqual(["exited", 137, 0]);
});
