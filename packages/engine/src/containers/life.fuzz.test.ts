import fc from "fast-check";
import { expect, test } from "vitest";
import { isKind } from "#kernel";
import { fuzzed } from "@longshore/testkit";
import type { FakeProgram } from "#testing/runtime";
import type { Status } from "./contract.ts";
import { type FakeGround, openOnFakes, plainRequest } from "./testing.ts";

/** What a container must be, told without any of the room's code. */
interface Model {
  status: Status | "gone";
  policy: "no" | "always" | "unless-stopped";
  isStoppedByHand: boolean;
}

interface Real {
  readonly ground: FakeGround;
  readonly id: string;
}

type Outcome = "done" | "conflict" | "unchanged" | "not_found";

/** Ends by any signal that may be caught, as a well-behaved program does. */
const polite: FakeProgram = async (process) => 100 + (await process.signal());
const never = new AbortController().signal;

async function outcomeOf(work: Promise<unknown>): Promise<Outcome> {
  try {
    await work;
    return "done";
  } catch (error) {
    for (const kind of ["conflict", "unchanged", "not_found"] as const) if (isKind(error, kind)) return kind;
    throw error;
  }
}

const statusOf = ({ ground, id }: Real): Model["status"] =>
  ground.room.list().find((container) => container.id === id)?.state.status ?? "gone";

const isAlive = (model: Model): boolean => model.status === "running" || model.status === "paused";

/** One operation: what it does to the model and answers, and how it is asked for. */
class Step implements fc.AsyncCommand<Model, Real> {
  readonly #name: string;
  readonly #expected: (model: Model) => Outcome;
  readonly #act: (real: Real, model: Model) => Promise<unknown>;

  constructor(
    name: string,
    expected: (model: Model) => Outcome,
    act: (real: Real, model: Model) => Promise<unknown>,
  ) {
    this.#name = name;
    this.#expected = expected;
    this.#act = act;
  }

  check(): boolean {
    return true;
  }

  async run(model: Model, real: Real): Promise<void> {
    const before = model.status;
    const wanted = before === "gone" ? "not_found" : this.#expected(model);
    const outcome = await outcomeOf(this.#act(real, model));
    expect(outcome, `${this.#name} of a container that was ${before}`).toBe(wanted);
    await expect
      .poll(() => statusOf(real), {
        interval: 1,
        timeout: 4000,
        message: `${this.#name} of a container that was ${before}`,
      })
      .toBe(model.status);
    if (model.status === "gone") return;
    const { state } = real.ground.room.get(real.id);
    expect(state.pid !== 0).toBe(isAlive(model));
  }

  toString(): string {
    return this.#name;
  }
}

const steps = [
  new Step(
    "start",
    (model) => {
      if (model.status === "running") return "unchanged";
      if (model.status === "paused") return "conflict";
      model.status = "running";
      model.isStoppedByHand = false;
      return "done";
    },
    ({ ground, id }) => ground.room.start(id, never),
  ),
  new Step(
    "stop",
    (model) => {
      if (!isAlive(model) && model.status !== "restarting") {
        model.isStoppedByHand = true;
        return "unchanged";
      }
      model.status = "exited";
      model.isStoppedByHand = true;
      return "done";
    },
    ({ ground, id }) => ground.room.stop(id, {}, never),
  ),
  new Step(
    "kill",
    (model) => {
      if (!isAlive(model)) return "conflict";
      model.status = "exited";
      model.isStoppedByHand = true;
      return "done";
    },
    ({ ground, id }) => ground.room.kill(id, "KILL", never),
  ),
  new Step(
    "pause",
    (model) => {
      if (model.status !== "running") return "conflict";
      model.status = "paused";
      return "done";
    },
    ({ ground, id }) => ground.room.pause(id),
  ),
  new Step(
    "unpause",
    (model) => {
      if (model.status !== "paused") return "conflict";
      model.status = "running";
      return "done";
    },
    ({ ground, id }) => ground.room.unpause(id),
  ),
  new Step(
    "restart",
    (model) => {
      model.status = "running";
      model.isStoppedByHand = false;
      return "done";
    },
    ({ ground, id }) => ground.room.restart(id, {}, never),
  ),
  new Step(
    "remove",
    (model) => {
      if (isAlive(model) || model.status === "restarting") return "conflict";
      model.status = "gone";
      return "done";
    },
    ({ ground, id }) => ground.room.remove(id, { isForced: false, hasVolumes: true }, never),
  ),
  new Step(
    "remove by force",
    (model) => {
      model.status = "gone";
      return "done";
    },
    ({ ground, id }) => ground.room.remove(id, { isForced: true, hasVolumes: true }, never),
  ),
  new Step(
    "the process ends",
    (model) => {
      // A frozen process ends when it is thawed: nothing is to be seen until then, so only a running one is ended here.
      if (model.status === "running") model.status = model.policy === "no" ? "exited" : "restarting";
      return "done";
    },
    async ({ ground, id }) => {
      if (ground.room.get(id).state.status === "running") ground.machine.end(id, 1);
    },
  ),
  new Step(
    "a minute passes",
    (model) => {
      if (model.status === "restarting") model.status = "running";
      return "done";
    },
    async ({ ground, id }) => {
      if (ground.room.get(id).state.status === "restarting")
        await expect.poll(() => ground.clock.waits.length, { interval: 1, timeout: 4000 }).toBe(1);
      ground.clock.advance(60_000);
    },
  ),
  new Step(
    "the next engine",
    (model) => {
      const comesBack =
        model.policy === "always" || (model.policy === "unless-stopped" && !model.isStoppedByHand);
      if ((model.status === "exited" || model.status === "restarting") && comesBack) model.status = "running";
      return "done";
    },
    async ({ ground, id }, model) => {
      ground.room.get(id);
      await ground.restart();
      if (model.status !== "running") return;
      await expect
        .poll(() => ground.clock.waits.length > 0 || ground.room.get(id).state.status === "running", {
          interval: 1,
        })
        .toBe(true);
      ground.clock.advance(0);
    },
  ),
];

test("whatever is done to a container in any order, it is what the model says", async () => {
  const commands = fc.commands(
    steps.map((step) => fc.constant(step)),
    { maxCommands: 14 },
  );
  const policy = fc.constantFrom("no" as const, "always" as const, "unless-stopped" as const);
  await fc.assert(
    fc.asyncProperty(commands, policy, async (sequence, Name) => {
      await using ground = await openOnFakes({ programs: { polite } });
      const request = plainRequest(["polite"], { RestartPolicy: { Name, MaximumRetryCount: 0 } });
      const { id } = await ground.room.create({ ...request, name: "one" }, never);
      const model: Model = { status: "created", policy: Name, isStoppedByHand: false };
      await fc.asyncModelRun(() => ({ model, real: { ground, id } }), sequence);
      if (model.status !== "gone") await ground.room.remove(id, { isForced: true, hasVolumes: true }, never);
      // Nothing stays: the name is free, no process is known, nobody waits.
      await expect.poll(() => ground.machine.isKnown(id), { interval: 1, timeout: 4000 }).toBe(false);
      await expect.poll(() => ground.clock.waits.length, { interval: 1, timeout: 4000 }).toBe(0);
      await ground.room.create({ ...request, name: "one" }, never);
      expect(ground.events.actions(id).at(-1)).toBe("destroy");
      expect(ground.events.actions(id).filter((action) => action === "destroy").length).toBe(1);
    }),
    fuzzed(150),
  );
}, 120_000);

test("whatever is done at the same time, a removal by force ends it all", async () => {
  const operations: Readonly<Record<string, (real: Real) => Promise<unknown>>> = {
    start: ({ ground, id }) => ground.room.start(id, never),
    stop: ({ ground, id }) => ground.room.stop(id, { timeoutSeconds: 1 }, never),
    kill: ({ ground, id }) => ground.room.kill(id, "KILL", never),
    restart: ({ ground, id }) => ground.room.restart(id, { timeoutSeconds: 1 }, never),
    pause: ({ ground, id }) => ground.room.pause(id),
    unpause: ({ ground, id }) => ground.room.unpause(id),
    remove: ({ ground, id }) => ground.room.remove(id, { isForced: false, hasVolumes: true }, never),
    force: ({ ground, id }) => ground.room.remove(id, { isForced: true, hasVolumes: true }, never),
    end: async ({ ground, id }) => ground.machine.isKnown(id) && ground.machine.end(id, 1),
    time: async ({ ground }) => ground.clock.advance(60_000),
  };
  const sequence = fc.array(fc.tuple(fc.constantFrom(...Object.keys(operations)), fc.nat({ max: 3 })), {
    maxLength: 14,
  });
  const policy = fc.constantFrom("no" as const, "always" as const);
  await fc.assert(
    fc.asyncProperty(sequence, policy, fc.boolean(), async (steps, Name, AutoRemove) => {
      await using ground = await openOnFakes({ programs: { polite } });
      const host = {
        RestartPolicy: { Name: AutoRemove ? ("no" as const) : Name, MaximumRetryCount: 0 },
        AutoRemove,
      };
      const { id } = await ground.room.create({ ...plainRequest(["polite"], host), name: "one" }, never);
      const real = { ground, id };
      const running: Promise<unknown>[] = [];
      for (const [name, turns] of steps) {
        running.push(outcomeOf(operations[name]?.(real) ?? Promise.resolve()));
        for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
      }
      const over = Promise.all(running);
      let isOver = false;
      void over.then(() => (isOver = true));
      // Whoever waits for time gets it.
      while (!isOver) {
        await new Promise((resolve) => setImmediate(resolve));
        ground.clock.advance(60_000);
      }
      await over;
      await outcomeOf(operations["force"]?.(real) ?? Promise.resolve());
      expect(ground.room.list()).toEqual([]);
      await expect.poll(() => ground.machine.isKnown(id), { interval: 1, timeout: 4000 }).toBe(false);
      await expect.poll(() => ground.clock.waits.length, { interval: 1, timeout: 4000 }).toBe(0);
      const actions = ground.events.actions(id);
      expect(actions.filter((action) => action === "destroy").length).toBe(1);
      expect(actions.filter((action) => action === "start").length).toBe(
        actions.filter((action) => action === "die").length,
      );
      await ground.room.create({ ...plainRequest(["polite"]), name: "one" }, never);
    }),
    fuzzed(150),
  );
}, 120_000);
