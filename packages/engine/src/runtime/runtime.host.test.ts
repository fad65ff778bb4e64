import { existsSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { silentLogger } from "#kernel";
import { openLogs } from "#logs";
import { eachLine } from "#testing/logs";
import { RuntimeGround } from "./host-fixture.ts";

describe("openRuntime()", () => {
  test("start() runs a container; output and exit code are kept; release() leaves nothing", async ({
    signal,
  }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec(["sh", "-c", "echo out; echo err >&2; exit 3"]);
    const task = await runtime.start(spec, signal);
    await expect(task.exited).resolves.toMatchObject({ code: 3, isOomKilled: false });
    const lines: string[] = [];
    const query = { hasStdout: true, hasStderr: true, isFollowing: false };
    for await (const line of eachLine(
      openLogs({ log: silentLogger }).read(spec.logDirectory, query, task.exited, signal),
    ))
      lines.push(`${line.stream} ${Buffer.from(line.bytes).toString()}`);
    expect(lines.toSorted()).toEqual(["stderr err\n", "stdout out\n"]);
    await runtime.release(spec.id);
    await runtime.release(spec.id);
    expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(ground.stateRoot);
  });

  test.for([
    ["nosuch", 'exec: "nosuch": executable file not found in $PATH'],
    ["/nosuch", "no such file or directory"],
    ["/tmp", "is a directory"],
  ] as const)("start() of %s refuses in Docker's words", async ([program, words], { signal }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec([program]);
    await expect(runtime.start(spec, signal)).rejects.toMatchObject({
      kind: "invalid",
      message: expect.stringContaining(words) as string,
    });
    await expect(runtime.adopt()).resolves.toEqual([]);
  });

  test("writeStdin() and closeStdin() reach a process that reads to the end", async ({ signal }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec(["cat"], { hasStdin: true });
    const task = await runtime.start(spec, signal);
    const sent = Buffer.alloc(3_000_000, "0123456789\n");
    await task.writeStdin(sent, signal);
    await task.closeStdin();
    await expect(task.exited).resolves.toMatchObject({ code: 0 });
    expect(ground.output(spec.id) === sent.toString()).toBe(true);
    await runtime.release(spec.id);
  });

  test("a terminal has the size it was given, takes input and a new size", async ({ signal }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec(["sh", "-c", "stty size; read x; stty size; exit 5"], {
      hasTty: true,
      hasStdin: true,
      size: [33, 77],
    });
    const task = await runtime.start(spec, signal);
    await task.resize(44, 88);
    await task.writeStdin(Buffer.from("go\n"), signal);
    await expect(task.exited).resolves.toMatchObject({ code: 5 });
    expect(ground.output(spec.id)).toMatch(/44 88\r\n$/);
    await runtime.release(spec.id);
  });

  test("exec() gives output of both streams and the exit code", async ({ signal }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec(["sleep", "1000"]);
    const task = await runtime.start(spec, signal);
    const exec = await runtime.exec(
      {
        containerId: spec.id,
        execId: "e1",
        process: { ...spec.document.process, args: ["sh", "-c", "cat; echo err >&2; sleep 100 & exit 6"] },
        stdio: { hasTty: false, hasStdin: true },
        isAttached: true,
      },
      signal,
    );
    await exec.writeStdin(Buffer.from("hello"), signal);
    await exec.closeStdin();
    const seen = { stdout: "", stderr: "" };
    for await (const piece of exec.output) seen[piece.stream] += Buffer.from(piece.bytes).toString();
    expect(seen).toEqual({ stdout: "hello", stderr: "err\n" });
    await expect(exec.exited).resolves.toMatchObject({ code: 6 });
    await task.kill(9);
    await expect(task.exited).resolves.toMatchObject({ code: 137 });
    await expect(task.kill(9)).rejects.toMatchObject({ kind: "conflict" });
    await runtime.release(spec.id);
  });

  test("a killed monitor loses no line and no exit code", async ({ signal }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec(["sh", "-c", "seq 1 200000; sleep 0.2; seq 200001 300000; exit 7"]);
    const task = await runtime.start(spec, signal);
    for (const pauseMs of [5, 60, 130]) {
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      const pid = ground.monitorPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
    }
    await expect(task.exited).resolves.toMatchObject({ code: 7 });
    const wanted = Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join("");
    expect(ground.output(spec.id) === wanted).toBe(true);
    await runtime.release(spec.id);
  });

  test("the next engine adopts what runs and what has ended", async ({ signal }) => {
    await using ground = new RuntimeGround();
    const running = ground.spec(["sleep", "1000"]);
    const ending = ground.spec(["sh", "-c", "sleep 0.3; echo late; exit 9"]);
    {
      await using first = await ground.open(signal);
      await first.start(running, signal);
      await first.start(ending, signal);
    }
    await new Promise((resolve) => setTimeout(resolve, 600));
    await using second = await ground.open(signal);
    const tasks = new Map((await second.adopt()).map((task) => [task.id, task]));
    await expect(tasks.get(ending.id)?.exited).resolves.toMatchObject({ code: 9 });
    expect(ground.output(ending.id)).toBe("late\n");
    await tasks.get(running.id)?.kill(15);
    await tasks
      .get(running.id)
      ?.kill(9)
      .catch(() => {});
    await tasks.get(running.id)?.exited;
    for (const id of tasks.keys()) await second.release(id);
    expect(path.isAbsolute(ground.stateRoot)).toBe(true);
  });

  test("requests on a dying monitor are answered by the next one", async ({ signal }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    const spec = ground.spec(["sleep", "1000"]);
    const task = await runtime.start(spec, signal);
    for (let round = 0; round < 5; round++) {
      const pid = ground.monitorPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      for (let asked = 0; asked < 20; asked++) await task.kill(os.constants.signals.SIGCONT);
    }
    await task.kill(os.constants.signals.SIGKILL);
    await expect(task.exited).resolves.toMatchObject({ code: 137 });
    await runtime.release(spec.id);
  });

  test("a place where no process can be left has no monitor until one is expected", async ({ signal }) => {
    await using ground = new RuntimeGround();
    {
      await using runtime = await ground.open(signal);
      await expect(runtime.adopt()).resolves.toEqual([]);
      expect(ground.monitorPid()).toBeUndefined();
      runtime.expect();
      await runtime.release("nobody"); // answered by a monitor
      expect(ground.monitorPid()).toBeDefined();
    }
    await until(() => ground.monitorPid() === undefined && ground.holderPids().length === 0);
    await using again = await ground.open(signal);
    await expect(again.adopt()).resolves.toEqual([]);
    expect(ground.monitorPid()).toBeUndefined();
  });

  test("disposing does not wait for a monitor that is stuck", async ({ signal }) => {
    await using ground = new RuntimeGround();
    const runtime = await ground.open(signal);
    await runtime.release("nobody"); // answered by a monitor
    const pid = ground.monitorPid();
    if (pid === undefined) throw new Error("no monitor");
    process.kill(pid, "SIGSTOP");
    await runtime[Symbol.asyncDispose]();
    expect(ground.monitorPid()).toBe(pid);
  });

  test("a monitor killed while a process starts loses neither its output nor its exit code", async ({
    signal,
  }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    for (let round = 0; round < 6; round++) {
      const spec = ground.spec(["sh", "-c", "echo all of it; exit 7"]);
      const starting = runtime.start(spec, signal);
      await until(() => existsSync(path.join(ground.stateRoot, "containers", spec.id, "task.json")));
      for (let pause = 0; pause < round; pause++) await setImmediate();
      const pid = ground.monitorPid();
      if (pid !== undefined) process.kill(pid, "SIGKILL");
      await expect((await starting).exited).resolves.toMatchObject({ code: 7 });
      expect(ground.output(spec.id)).toBe("all of it\n");
      await runtime.release(spec.id);
    }
  });

  test("a terminal takes input also when its monitor has been replaced before the first of it", async ({
    signal,
  }) => {
    await using ground = new RuntimeGround();
    await using runtime = await ground.open(signal);
    // Another terminal before it makes descriptors of the next monitor other ones.
    const other = ground.spec(["sh", "-c", "read x; exit 4"], { hasTty: true, hasStdin: true });
    const spec = ground.spec(["sh", "-c", "read x; echo got $x; exit 5"], { hasTty: true, hasStdin: true });
    const tasks = [await runtime.start(other, signal), await runtime.start(spec, signal)];
    process.kill(ground.monitorPid() ?? 0, "SIGKILL");
    await tasks[1]?.writeStdin(Buffer.from("this\n"), signal);
    await expect(tasks[1]?.exited).resolves.toMatchObject({ code: 5 });
    expect(ground.output(spec.id)).toContain("got this");
    await tasks[0]?.writeStdin(Buffer.from("that\n"), signal);
    await expect(tasks[0]?.exited).resolves.toMatchObject({ code: 4 });
    for (const { id } of tasks) await runtime.release(id);
  });

  test("what ends while neither engine nor monitor is there has an exit code", async ({ signal }) => {
    await using ground = new RuntimeGround();
    const spec = ground.spec(["sh", "-c", "read x; echo bye; exit 9"], { hasStdin: true });
    {
      await using first = await ground.open(signal);
      await first.start(spec, signal);
    }
    const stdin = path.join(ground.stateRoot, "containers", spec.id, "stdin");
    const pid = Number(readFileSync(path.join(path.dirname(stdin), "pid"), "latin1"));
    process.kill(ground.monitorPid() ?? 0, "SIGKILL");
    await until(() => ground.monitorPid() === undefined);
    writeFileSync(stdin, "go\n", { flag: "r+" });
    await until(() => !existsSync(`/proc/${pid}/root/bin`));
    await using second = await ground.open(signal);
    const [task] = await second.adopt();
    await expect(task?.exited).resolves.toMatchObject({ code: 9 });
    expect(ground.output(spec.id)).toBe("bye\n");
    await second.release(spec.id);
  });

  test("the holder goes with the monitor when no process runs", async ({ signal }) => {
    await using ground = new RuntimeGround();
    {
      await using runtime = await ground.open(signal);
      const spec = ground.spec(["true"]);
      const task = await runtime.start(spec, signal);
      expect(ground.holderPids()).toHaveLength(1);
      await task.exited;
      await runtime.release(spec.id);
      process.kill(ground.monitorPid() ?? 0, "SIGKILL");
      await task.kill(0).catch(() => {}); // answered by the next monitor
      expect(ground.holderPids()).toHaveLength(1);
    }
    await until(() => ground.holderPids().length === 0);
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate();
}
