import { describe, expect, test } from "vitest";
import type { Runtime, StartSpec, StdioSpec, Task } from "./contract.ts";
import type { FakeProgram } from "./testing.ts";

/** A place to run on: the machine stays while runtimes come and go. Disposing ends whatever is left. */
export interface RuntimePlace extends AsyncDisposable {
  open(signal: AbortSignal): Promise<Runtime>;
  spec(args: readonly string[], stdio?: Partial<StdioSpec>): StartSpec;
  /** What the log holds of both streams. */
  output(id: string): string;
}

/** A small program in both tongues: a shell's, and the fake's. */
interface Program {
  readonly script: string;
  readonly fake: FakeProgram;
}

const say: FakeProgram = async (process) => {
  await process.write("stdout", "out\n");
  await process.write("stderr", "err\n");
  return 3;
};

const programs = {
  say: { script: "echo out; echo err >&2; exit 3", fake: say },
  sleep: { script: "while :; do sleep 1; done", fake: () => new Promise<number>(() => {}) },
  echo: {
    script: "while read x; do echo got $x; done; exit 4",
    fake: async (process) => {
      let line = "";
      for (let piece = await process.read(); piece !== undefined; piece = await process.read()) {
        line += Buffer.from(piece).toString();
        for (let at = line.indexOf("\n"); at >= 0; at = line.indexOf("\n")) {
          await process.write("stdout", `got ${line.slice(0, at)}\n`);
          line = line.slice(at + 1);
        }
      }
      return 4;
    },
  },
  size: {
    script: "read x; stty size; read x; stty size; exit 5",
    fake: async (process) => {
      for (let round = 0; round < 2; round++) {
        await process.read();
        await process.write("stdout", `${process.size.join(" ")}\n`);
      }
      return 5;
    },
  },
  trap: {
    script: "trap 'echo caught; exit 6' USR1; echo ready; while :; do sleep 0.05; done",
    fake: async (process) => {
      const caught = process.signal();
      await process.write("stdout", "ready\n");
      while ((await caught) !== 10);
      await process.write("stdout", "caught\n");
      return 6;
    },
  },
  count: {
    script: "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done",
    fake: async (process) => {
      for (let count = 1; ; count++) {
        await process.write("stdout", `${count}\n`);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
  },
  env: {
    script: 'echo "$A"; exit 0',
    fake: async (process) => {
      await process.write(
        "stdout",
        `${process.env.find((entry) => entry.startsWith("A="))?.slice(2) ?? ""}\n`,
      );
      return 0;
    },
  },
} as const satisfies Record<string, Program>;

/** The suite's programs for a FakeMachine. */
export const fakePrograms: Readonly<Record<string, FakeProgram>> = Object.fromEntries(
  Object.values(programs).map(({ script, fake }) => [`sh -c ${script}`, fake]),
);

const words = (name: keyof typeof programs): string[] => ["sh", "-c", programs[name].script];

/** Every promise of contract.ts that holds for real OCI runtimes and for the fake alike. */
export function runtimeConformance(runtimeName: string, makePlace: () => Promise<RuntimePlace>): void {
  const start = async (
    place: RuntimePlace,
    runtime: Runtime,
    name: keyof typeof programs,
    stdio: Partial<StdioSpec>,
    signal: AbortSignal,
  ): Promise<{ task: Task; spec: StartSpec }> => {
    const spec = place.spec(words(name), stdio);
    return { task: await runtime.start(spec, signal), spec };
  };
  const shows = async (place: RuntimePlace, id: string, text: string): Promise<void> =>
    expect.poll(() => place.output(id), { timeout: 10_000 }).toContain(text);
  const end = async (runtime: Runtime, task: Task): Promise<void> => {
    await task.kill(9).catch(() => {});
    await task.exited;
    await runtime.release(task.id);
  };

  describe(`${runtimeName} is a runtime`, () => {
    test("output of both streams and the exit code are kept, also after release()", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const { task, spec } = await start(place, runtime, "say", {}, signal);
      expect(task.id).toBe(spec.id);
      expect(task.hasTty).toBe(false);
      const { code, atNano, isOomKilled } = await task.exited;
      expect([code, isOomKilled]).toEqual([3, false]);
      expect(atNano > task.startedAtNano).toBe(true);
      await runtime.release(spec.id);
      await runtime.release(spec.id);
      expect(place.output(spec.id).split("\n").toSorted()).toEqual(["", "err", "out"]);
    });

    test("release() of what never was is success", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      await expect(runtime.release("0".repeat(64))).resolves.toBeUndefined();
    });

    test("start() with an aborted signal rejects with its reason and starts nothing", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const reason = new Error("client went away");
      await expect(runtime.start(place.spec(words("say")), AbortSignal.abort(reason))).rejects.toBe(reason);
      await expect(runtime.adopt()).resolves.toEqual([]);
    });

    test.for([
      ["nosuch", 'exec: "nosuch": executable file not found in $PATH'],
      ["/nosuch", "no such file or directory"],
    ] as const)(
      "start() of %s is `invalid` in Docker's words and leaves nothing",
      async ([program, text], { signal }) => {
        await using place = await makePlace();
        await using runtime = await place.open(signal);
        await expect(runtime.start(place.spec([program]), signal)).rejects.toMatchObject({
          kind: "invalid",
          message: expect.stringContaining(text) as string,
        });
        await expect(runtime.adopt()).resolves.toEqual([]);
      },
    );

    test("stdin comes in order and ends when it is closed", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const { task, spec } = await start(place, runtime, "echo", { hasStdin: true }, signal);
      for (const line of ["one\n", "two\n", "three\n"]) await task.writeStdin(Buffer.from(line), signal);
      await task.closeStdin();
      await expect(task.exited).resolves.toMatchObject({ code: 4 });
      expect(place.output(spec.id)).toBe("got one\ngot two\ngot three\n");
      await expect(task.writeStdin(Buffer.from("late\n"), signal)).resolves.toBeUndefined();
      await runtime.release(spec.id);
    });

    test("a process without stdin sees its end at once", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const { task, spec } = await start(place, runtime, "echo", {}, signal);
      await task.writeStdin(Buffer.from("dropped\n"), signal);
      await expect(task.exited).resolves.toMatchObject({ code: 4 });
      expect(place.output(spec.id)).toBe("");
      await runtime.release(spec.id);
    });

    test("a terminal has the size it was given, and the new one after resize()", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const stdio = { hasTty: true, hasStdin: true, size: [33, 77] } as const;
      const { task, spec } = await start(place, runtime, "size", stdio, signal);
      expect(task.hasTty).toBe(true);
      await task.writeStdin(Buffer.from("\n"), signal);
      await shows(place, spec.id, "33 77\r\n");
      await task.resize(44, 88);
      await task.writeStdin(Buffer.from("\n"), signal);
      await expect(task.exited).resolves.toMatchObject({ code: 5 });
      expect(place.output(spec.id)).toContain("44 88\r\n");
      await runtime.release(spec.id);
    });

    test("a signal reaches a process that catches it; one that does not is not ended by TERM", async ({
      signal,
    }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const trapping = await start(place, runtime, "trap", {}, signal);
      await shows(place, trapping.spec.id, "ready");
      await trapping.task.kill(10);
      await expect(trapping.task.exited).resolves.toMatchObject({ code: 6 });
      expect(place.output(trapping.spec.id)).toBe("ready\ncaught\n");
      await runtime.release(trapping.spec.id);
      const { task } = await start(place, runtime, "sleep", {}, signal);
      await task.kill(15);
      await expect(task.pids()).resolves.toContain(task.pid);
      await task.kill(9);
      await expect(task.exited).resolves.toMatchObject({ code: 137 });
      await expect(task.kill(9)).rejects.toMatchObject({ kind: "conflict" });
      await runtime.release(task.id);
    });

    test("a paused container does nothing until resume()", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const { task, spec } = await start(place, runtime, "count", {}, signal);
      await shows(place, spec.id, "3\n");
      await task.pause();
      let before = "";
      // The kernel freezes soon, not at once, and the monitor empties the pipe after it.
      await expect
        .poll(
          async () => {
            const last = before;
            before = place.output(spec.id);
            return last !== "" && before === last;
          },
          { interval: 100, timeout: 10_000 },
        )
        .toBe(true);
      await new Promise((resolve) => setTimeout(resolve, 150));
      expect(place.output(spec.id)).toBe(before);
      await task.resume();
      await expect
        .poll(() => place.output(spec.id).length, { timeout: 10_000 })
        .toBeGreaterThan(before.length);
      await end(runtime, task);
    });

    test("exec() has streams, stdin, environment and exit code of its own", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const { task, spec } = await start(place, runtime, "sleep", {}, signal);
      const run = (execId: string, name: keyof typeof programs, hasStdin: boolean, isAttached = true) =>
        runtime.exec(
          {
            containerId: spec.id,
            execId,
            process: {
              ...spec.document.process,
              args: words(name),
              env: [...spec.document.process.env, "A=b c"],
            },
            stdio: { hasTty: false, hasStdin },
            isAttached,
          },
          signal,
        );
      const seen = { stdout: "", stderr: "" };
      const said = await run("e1", "say", false);
      for await (const piece of said.output) seen[piece.stream] += Buffer.from(piece.bytes).toString();
      expect(seen).toEqual({ stdout: "out\n", stderr: "err\n" });
      await expect(said.exited).resolves.toMatchObject({ code: 3 });
      const echo = await run("e2", "echo", true);
      await echo.writeStdin(Buffer.from("x\n"), signal);
      await echo.closeStdin();
      let text = "";
      for await (const piece of echo.output) text += Buffer.from(piece.bytes).toString();
      expect(text).toBe("got x\n");
      await expect(echo.exited).resolves.toMatchObject({ code: 4 });
      const environment = await run("e3", "env", false);
      text = "";
      for await (const piece of environment.output) text += Buffer.from(piece.bytes).toString();
      expect(text).toBe("b c\n");
      const detached = await run("e4", "say", false, false);
      await expect(detached.exited).resolves.toMatchObject({ code: 3 });
      const killed = await run("e5", "sleep", false, false);
      await killed.kill(9);
      await expect(killed.exited).resolves.toMatchObject({ code: 137 });
      expect(place.output(spec.id)).toBe("");
      await end(runtime, task);
    });

    test("exec() of a missing program is `invalid` and the container runs on", async ({ signal }) => {
      await using place = await makePlace();
      await using runtime = await place.open(signal);
      const { task, spec } = await start(place, runtime, "sleep", {}, signal);
      const missing = runtime.exec(
        {
          containerId: spec.id,
          execId: "e1",
          process: { ...spec.document.process, args: ["nosuch"] },
          stdio: { hasTty: false, hasStdin: false },
          isAttached: true,
        },
        signal,
      );
      await expect(missing).rejects.toMatchObject({
        kind: "invalid",
        message: expect.stringContaining("executable file not found") as string,
      });
      await expect(task.pids()).resolves.toContain(task.pid);
      await end(runtime, task);
    });

    test("adopt() finds what runs and what ended while nobody looked", async ({ signal }) => {
      await using place = await makePlace();
      const [running, ended] = [place.spec(words("sleep")), place.spec(words("say"))];
      {
        await using first = await place.open(signal);
        await first.start(running, signal);
        await (
          await first.start(ended, signal)
        ).exited;
      }
      await using second = await place.open(signal);
      const tasks = new Map((await second.adopt()).map((task) => [task.id, task]));
      expect([...tasks.keys()].toSorted()).toEqual([running.id, ended.id].toSorted());
      await expect(tasks.get(ended.id)?.exited).resolves.toMatchObject({ code: 3 });
      await tasks.get(running.id)?.kill(9);
      await expect(tasks.get(running.id)?.exited).resolves.toMatchObject({ code: 137 });
      for (const id of tasks.keys()) await second.release(id);
      await expect(second.adopt()).resolves.toEqual([]);
    });
  });
}
