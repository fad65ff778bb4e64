import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, finish, openDocker, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

test("run --rm passes output, streams and the exit code through", async () => {
  const result = await docker("run", "--rm", STARTER, "sh", "-c", "echo out; echo err >&2; exit 7");
  expect(result).toEqual({ code: 7, stdout: "out\n", stderr: "err\n" });
});

test("run -i feeds standard input to its end", async () => {
  const { code, stdout } = await docker.withInput("one\ntwo\n", "run", "--rm", "-i", STARTER, "wc", "-l");
  expect(code).toBe(0);
  expect(stdout.trim()).toBe("2");
});

test("run passes a megabyte through unchanged", async () => {
  const bytes = Buffer.alloc(1 << 20, "0123456789abcdef");
  const { stdout } = await docker.withInput(bytes, "run", "--rm", "-i", STARTER, "cat");
  expect(stdout.length).toBe(bytes.length);
  expect(stdout === bytes.toString()).toBe(true);
});

test("run -t gives the process a terminal", async () => {
  const { stdout } = await docker("run", "--rm", "-t", STARTER, "sh", "-c", "test -t 1 && echo tty");
  expect(stdout).toBe("tty\r\n");
});

test("run takes env, workdir, user, hostname, entrypoint and labels", async () => {
  const show = 'echo "$A $PWD $(id -u):$(id -g) $(hostname)"';
  const shared = ["run", "--rm", "-e", "A=b c", "-w", "/usr", "-u", "guest", "-h", "box", "--label", "x=y"];
  expect(await docker.ok(...shared, "--entrypoint", "sh", STARTER, "-c", show)).toBe(
    "b c /usr 1000:1000 box",
  );
});

test("run ends with 127 for a missing program, 126 for a directory, 125 for a bad flag", async () => {
  const missing = await docker("run", "--rm", STARTER, "no-such-program");
  expect(missing.code).toBe(127);
  expect(missing.stderr).toContain("executable file not found");
  expect((await docker("run", "--rm", STARTER, "/etc")).code).toBe(126);
  expect((await docker("run", "--rm", "--memory", "1k", STARTER, "true")).code).toBe(125);
});

test("run limits memory, cpus and processes where the kernel shows it", async () => {
  const name = docker.fresh("limits");
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "-m",
    "64m",
    "--cpus",
    "0.5",
    "--pids-limit",
    "50",
    STARTER,
    "sleep",
    "60",
  );
  const format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}}";
  expect(await docker.ok("inspect", name, "--format", format)).toBe("67108864 500000000 50");
  const read = "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null";
  expect((await docker("exec", name, "sh", "-c", read)).stdout).toContain("67108864");
  await docker.ok("rm", "-f", name);
});

test("run adds and drops capabilities, and starts with Docker's default set", async () => {
  const effective = async (...flags: string[]): Promise<string> =>
    docker.ok("run", "--rm", ...flags, STARTER, "sh", "-c", "grep CapEff /proc/self/status | cut -f2");
  expect(await effective()).toBe("00000000a80425fb");
  expect(await effective("--cap-drop", "ALL", "--cap-add", "CHOWN")).toBe("0000000000000001");
});

test("run filters system calls, masks paths and can keep the root read-only", async () => {
  expect(
    await docker.ok("run", "--rm", STARTER, "sh", "-c", "grep Seccomp: /proc/self/status | cut -f2"),
  ).toBe("2");
  expect((await docker("run", "--rm", STARTER, "unshare", "-U", "true")).code).not.toBe(0);
  const sysctl = await docker("run", "--rm", STARTER, "sh", "-c", "echo x > /proc/sys/kernel/domainname");
  expect(sysctl.code).toBe(1);
  expect(sysctl.stderr).toContain("Read-only file system");
  expect(await docker.ok("run", "--rm", STARTER, "sh", "-c", "ls /sys/firmware | wc -l")).toBe("0");
  const readOnly = await docker("run", "--rm", "--read-only", STARTER, "touch", "/x");
  expect(readOnly.code).toBe(1);
  expect(readOnly.stderr).toContain("Read-only file system");
  expect((await docker("run", "--rm", "--read-only", "--tmpfs", "/t", STARTER, "touch", "/t/x")).code).toBe(
    0,
  );
});

test("start, wait, stop, kill, restart and rm walk through the states", async () => {
  const name = docker.fresh("states");
  const state = (): Promise<string> =>
    docker.ok("inspect", name, "--format", "{{.State.Status}} {{.State.ExitCode}}");
  await docker.ok(
    "create",
    "--name",
    name,
    STARTER,
    "sh",
    "-c",
    "trap 'exit 3' TERM; while :; do sleep 0.1; done",
  );
  expect(await state()).toBe("created 0");
  expect(await docker.ok("start", name)).toBe(name);
  expect(await state()).toBe("running 0");
  const waiting = docker("wait", name);
  await docker.ok("stop", name);
  expect((await waiting).stdout.trim()).toBe("3");
  expect(await state()).toBe("exited 3");
  await docker.ok("restart", name);
  expect(await state()).toBe("running 0");
  const refused = await docker("rm", name);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toMatch(/container is running|running container/);
  await docker.ok("kill", name);
  expect(await state()).toBe("exited 137");
  expect(await docker.ok("rm", name)).toBe(name);
  expect((await docker("inspect", name)).code).toBe(1);
});

test("pause stops the clock of a container and unpause lets it go on", async () => {
  const name = docker.fresh("paused");
  await docker.ok("run", "-d", "--name", name, STARTER, "sleep", "60");
  await docker.ok("pause", name);
  expect(await docker.ok("ps", "--filter", `name=${name}`, "--format", "{{.Status}}")).toContain("(Paused)");
  expect((await docker("exec", name, "true")).code).toBe(1);
  await docker.ok("unpause", name);
  expect((await docker("exec", name, "true")).code).toBe(0);
  await docker.ok("rm", "-f", name);
});

test("rename, ps filters and top know the new name", async () => {
  const [before, after] = [docker.fresh("before"), docker.fresh("after")];
  await docker.ok("run", "-d", "--name", before, "--label", `who=${after}`, STARTER, "sleep", "61");
  await docker.ok("rename", before, after);
  expect(await docker.ok("ps", "--filter", `label=who=${after}`, "--format", "{{.Names}}")).toBe(after);
  expect(await docker.ok("top", after)).toContain("sleep 61");
  expect((await docker("inspect", before)).code).toBe(1);
  await docker.ok("rm", "-f", after);
});

test("start -a attaches, and --rm removes after the exit", async () => {
  const name = docker.fresh("attached");
  await docker.ok("create", "--name", name, STARTER, "sh", "-c", "echo hi; exit 4");
  expect(await docker("start", "-a", name)).toMatchObject({ code: 4, stdout: "hi\n" });
  await docker.ok("rm", name);
  await docker("run", "--rm", "--name", name, STARTER, "true");
  await until("the removal", async () => (await docker("inspect", name)).code === 1);
});

test("attach sees later output and the exit code", async () => {
  const name = docker.fresh("late");
  await docker.ok(
    "run",
    "-d",
    "-i",
    "--name",
    name,
    STARTER,
    "sh",
    "-c",
    "read line; sleep 0.5; echo got $line; exit 5",
  );
  const child = docker.open("attach", name);
  const ended = finish(child);
  // Its standard input stays open: dockerd cuts the output of an attach whose input has ended.
  child.stdin.write("this\n");
  expect(await ended).toMatchObject({ code: 5, stdout: "got this\n" });
  await docker.ok("rm", name);
});

test("restart on-failure:2 tries twice more and then stays down", async () => {
  const name = docker.fresh("flaky");
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "--restart",
    "on-failure:2",
    STARTER,
    "sh",
    "-c",
    "echo try; exit 1",
  );
  const format = "{{.State.Status}} {{.RestartCount}}";
  await until(
    "two restarts",
    async () => (await docker.ok("inspect", name, "--format", format)) === "exited 2",
  );
  expect(await docker.ok("logs", name)).toBe("try\ntry\ntry");
  await docker.ok("rm", name);
});

test("diff tells added, changed and deleted paths", async () => {
  const name = docker.fresh("diff");
  await docker.ok(
    "run",
    "--name",
    name,
    STARTER,
    "sh",
    "-c",
    "echo > /new; rm /www/index.html; echo >> /etc/group",
  );
  const lines = (await docker.ok("diff", name)).split("\n");
  expect(lines).toEqual(expect.arrayContaining(["A /new", "C /www", "D /www/index.html", "C /etc/group"]));
  await docker.ok("rm", name);
});

test("stats --no-stream shows memory in use", async () => {
  const name = docker.fresh("stats");
  await docker.ok("run", "-d", "--name", name, STARTER, "sleep", "60");
  expect(await docker.ok("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", name)).toBe(`${name} 1`);
  await docker.ok("rm", "-f", name);
});
