import { execFile } from "node:child_process";
import { closeSync, fstatSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import {
  endedStatus,
  exitCodeOf,
  hasEnded,
  openPidfd,
  processStartTicks,
  reapProcess,
  signalProcess,
  spawnProcess,
  takeDescriptor,
} from "./process.ts";

const opened: number[] = [];
/** Closed after the test; close-on-exec, as all that Node opens. */
function openedOnce(file: string): number {
  const fd = openSync(file, "r");
  opened.push(fd);
  return fd;
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), "longshore-process-"));
});
afterEach(() => {
  for (const fd of opened.splice(0)) closeSync(fd);
  rmSync(folder, { recursive: true, force: true });
});

/** Starts a shell with its output in a file of the folder. */
function shell(
  script: string,
  env: readonly string[] = [],
): { readonly pid: number; readonly output: () => string } {
  const file = path.join(folder, "output");
  const [input, output] = [openSync("/dev/null", "r"), openSync(file, "w")];
  try {
    const pid = spawnProcess({
      path: "/bin/sh",
      argv: ["sh", "-c", script],
      env,
      fds: [input, output, output],
    });
    return { pid, output: () => readFileSync(file, "utf8") };
  } finally {
    closeSync(input);
    closeSync(output);
  }
}

async function ended(pid: number): Promise<number> {
  await expect.poll(() => endedStatus(pid), { interval: 2, timeout: 5000 }).not.toBe("running");
  const status = reapProcess(pid);
  if (typeof status !== "number") throw new Error(`process ${pid} is ${status}`);
  return status;
}

test("spawnProcess() gives these descriptors, this environment, a session of its own and no blocked signal", async () => {
  const privateFd = openedOnce("/dev/null");
  // The shell itself reads its mask: it blocks all signals while it forks another program.
  const script = `echo "$A"; for fd in 0 1 2 ${privateFd}; do [ -e /proc/$$/fd/$fd ] && echo $fd; done; cut -d" " -f6 /proc/$$/stat; while read -r word rest; do if [ "$word" = SigBlk: ]; then echo "$word $rest"; fi; done < /proc/$$/status`;
  const { pid, output } = shell(script, ["A=b c"]);
  expect(exitCodeOf(await ended(pid))).toBe(0);
  const lines = output().trim().split("\n");
  expect(lines).toEqual(["b c", "0", "1", "2", String(pid), "SigBlk: 0000000000000000"]);
});

test("spawnProcess() of no program throws ENOENT", () => {
  expect(() => spawnProcess({ path: "/nothing", argv: ["nothing"], env: [], fds: [] })).toThrow(
    expect.objectContaining({ code: "ENOENT", syscall: "posix_spawn" }),
  );
});

test("endedStatus() leaves the status for reapProcess(), and both tell codes from signals", async () => {
  const failing = shell("exit 7").pid;
  await expect.poll(() => endedStatus(failing), { interval: 2 }).toBe(7 << 8);
  expect(endedStatus(failing)).toBe(7 << 8);
  expect(reapProcess(failing)).toBe(7 << 8);
  expect([endedStatus(failing), reapProcess(failing)]).toEqual(["foreign", "foreign"]);
  expect(exitCodeOf(await ended(shell("kill -TERM $$").pid))).toBe(128 + 15);
});

test("a pidfd tells the end before and after the wait, and signals nobody else", async () => {
  const { pid } = shell("exec sleep 1000");
  const pidfd = openPidfd(pid);
  try {
    expect([hasEnded(pidfd), reapProcess(pid)]).toEqual([false, "running"]);
    signalProcess(pidfd, 9);
    await expect.poll(() => hasEnded(pidfd), { interval: 2 }).toBe(true);
    expect(exitCodeOf(await ended(pid))).toBe(137);
    expect(hasEnded(pidfd)).toBe(true);
    expect(() => signalProcess(pidfd, 9)).toThrow(expect.objectContaining({ code: "ESRCH" }));
    expect(() => openPidfd(pid)).toThrow(expect.objectContaining({ code: "ESRCH" }));
  } finally {
    closeSync(pidfd);
  }
});

test("takeDescriptor() copies another process's descriptor, and refuses one that it lacks", async () => {
  const { pid } = shell("exec sleep 1000");
  const pidfd = openPidfd(pid);
  try {
    const taken = takeDescriptor(pidfd, 1);
    expect(fstatSync(taken).ino).toBe(fstatSync(openedOnce(path.join(folder, "output"))).ino);
    closeSync(taken);
    expect(() => takeDescriptor(pidfd, 77)).toThrow(expect.objectContaining({ code: "EBADF" }));
  } finally {
    signalProcess(pidfd, 9);
    closeSync(pidfd);
    await ended(pid);
  }
});

test("processStartTicks() names a process for ever, and is undefined when it is gone", async () => {
  const { pid } = shell("exec sleep 1000");
  const ticks = processStartTicks(pid);
  expect(ticks).toMatch(/^\d+$/);
  expect(processStartTicks(pid)).toBe(ticks);
  process.kill(pid, "SIGKILL");
  await ended(pid);
  expect(processStartTicks(pid)).toBeUndefined();
});

test("trimMemory() gives back what was freed between pieces that are in use", async () => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  // In a process of its own: whatever else is allocated here would be measured too.
  const script = `
    const { trimMemory } = await import(${JSON.stringify(new URL("./process.ts", import.meta.url).href)});
    const residentKib = () => Number(/VmRSS:\\s+(\\d+)/.exec(fs.readFileSync("/proc/self/status", "utf8"))[1]);
    const kept = [];
    let freed = [];
    // Below malloc's threshold for mappings of their own, so all in its arenas.
    for (let at = 0; at < 1000; at++) {
      freed.push(Buffer.alloc(100_000, 1));
      kept.push(Buffer.alloc(9_000, 1));
    }
    freed = undefined;
    gc();
    const before = residentKib();
    // V8 frees the pieces in threads of its own.
    for (let tries = 0; tries < 1000 && before - residentKib() < 50_000; tries++) await trimMemory();
    console.log(before - residentKib(), kept.length);`;
  execFile(process.execPath, ["--expose-gc", "--input-type=module", "-e", script], (error, stdout) =>
    error === null ? resolve(stdout) : reject(error as Error),
  );
  expect(Number((await promise).split(" ")[0])).toBeGreaterThan(50_000);
});
