import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const inspect = (name: string, format: string): Promise<string> =>
  docker.ok("inspect", name, "--format", format);

test("a health check goes from starting to healthy to unhealthy, and ps, events and inspect show it", async () => {
  const name = docker.fresh("health");
  const since = String(Date.now() / 1000 - 1);
  const flags = ["--health-interval", "200ms", "--health-retries", "2", "--health-timeout", "5s"];
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "--health-cmd",
    "cat /tmp/fine",
    ...flags,
    STARTER,
    "sleep",
    "60",
  );
  const status = (): Promise<string> =>
    docker.ok("ps", "--filter", `name=${name}`, "--format", "{{.Status}}");
  expect(await status()).toMatch(/\((health: starting|unhealthy)\)/);
  await until("unhealthy", async () => (await inspect(name, "{{.State.Health.Status}}")) === "unhealthy");
  expect(Number(await inspect(name, "{{.State.Health.FailingStreak}}"))).toBeGreaterThanOrEqual(2);
  await docker.ok("exec", name, "touch", "/tmp/fine");
  await until("healthy", async () => (await inspect(name, "{{.State.Health.Status}}")) === "healthy");
  expect(await status()).toContain("(healthy)");
  await until("five results", async () => (await inspect(name, "{{len .State.Health.Log}}")) === "5");
  const log = JSON.parse(await inspect(name, "{{json .State.Health.Log}}")) as {
    ExitCode: number;
    Output: string;
  }[];
  expect(log.at(-1)).toMatchObject({ ExitCode: 0, Output: "" });
  const end = String(Date.now() / 1000);
  const filter = ["--filter", `container=${name}`, "--filter", "event=health_status"];
  const events = await docker.ok(
    "events",
    "--since",
    since,
    "--until",
    end,
    ...filter,
    "--format",
    "{{.Action}}",
  );
  expect(events.split("\n").slice(0, 2)).toEqual(["health_status: unhealthy", "health_status: healthy"]);
  expect(await docker.ok("ps", "--filter", "health=healthy", "--filter", `name=${name}`, "-q")).not.toBe("");
  await docker.ok("rm", "-f", name);
});

test("a health check's output and time-out are told; --no-healthcheck has none", async () => {
  const [slow, none] = [docker.fresh("slow"), docker.fresh("none")];
  const flags = ["--health-interval", "100ms", "--health-retries", "1", "--health-timeout", "300ms"];
  await docker.ok(
    "run",
    "-d",
    "--name",
    slow,
    "--health-cmd",
    "echo working; sleep 30",
    ...flags,
    STARTER,
    "sleep",
    "60",
  );
  await until("unhealthy", async () => (await inspect(slow, "{{.State.Health.Status}}")) === "unhealthy");
  const first = JSON.parse(await inspect(slow, "{{json (index .State.Health.Log 0)}}")) as {
    ExitCode: number;
    Output: string;
  };
  expect(first.ExitCode).toBe(-1);
  expect(first.Output).toMatch(/^Health check exceeded timeout \(300ms\)/);
  await docker.ok("run", "-d", "--name", none, "--no-healthcheck", STARTER, "sleep", "60");
  expect(await inspect(none, "{{.State.Health}}")).toBe("<nil>");
  await docker.ok("rm", "-f", slow, none);
});

test("--init puts an init before the process: it reaps orphans and passes signals on", async () => {
  const name = docker.fresh("init");
  const orphan = "(sleep 0.1 &) ; trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done";
  await docker.ok("run", "-d", "--init", "--name", name, STARTER, "sh", "-c", orphan);
  await until("ready", async () => (await docker.ok("logs", name)) === "ready");
  expect(await docker.ok("exec", name, "cat", "/proc/1/comm")).toMatch(/init|tini|catatonit/);
  await until(
    "the orphan to be reaped",
    async () => !(await docker.ok("exec", name, "ps")).split("\n").some((line) => /Z.*sleep/.test(line)),
  );
  await docker.ok("stop", name);
  expect(await inspect(name, "{{.State.ExitCode}}")).toBe("3");
  await docker.ok("rm", name);
});

test("a container over its memory limit is killed and says so", async () => {
  const name = docker.fresh("oom");
  const eat = "head -c 200000000 /dev/zero | tail";
  await docker(
    "run",
    "--name",
    name,
    "-m",
    "16m",
    "--memory-swap",
    "16m",
    STARTER,
    "sh",
    "-c",
    `exec sh -c '${eat}'`,
  );
  expect(await inspect(name, "{{.State.OOMKilled}}")).toBe("true");
  expect(await inspect(name, "{{.State.ExitCode}}")).toMatch(/^(137|0)$/);
  await docker.ok("rm", name);
});

test("update changes the limits and the restart policy of a running container", async () => {
  const name = docker.fresh("update");
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "-m",
    "32m",
    "--device",
    "/dev/null:/dev/nothing",
    STARTER,
    "sleep",
    "60",
  );
  await docker.ok(
    "update",
    "-m",
    "64m",
    "--memory-swap",
    "128m",
    "--cpus",
    "0.5",
    "--pids-limit",
    "20",
    "--restart",
    "always",
    name,
  );
  expect(
    await inspect(
      name,
      "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.RestartPolicy.Name}}",
    ),
  ).toBe("67108864 500000000 20 always");
  const read =
    "cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null";
  expect((await docker("exec", name, "sh", "-c", read)).stdout.trim().split("\n")).toEqual([
    "67108864",
    "20",
  ]);
  expect((await docker("exec", name, "sh", "-c", "echo x > /dev/nothing")).code).toBe(0);
  const before = await inspect(name, "{{.State.Pid}}");
  // The policy given at run is gone: the new one holds.
  await docker("exec", name, "sh", "-c", "kill -9 -1");
  process.kill(Number(before), "SIGKILL");
  await until("the restart", async () => {
    const state = await inspect(name, "{{.State.Running}} {{.State.Pid}}");
    return state.startsWith("true") && !state.endsWith(` ${before}`) && !state.endsWith(" 0");
  });
  await docker.ok("rm", "-f", name);
});

test("ulimits hold for run and exec; one above the engine's own is cut with a warning", async () => {
  const name = docker.fresh("ulimit");
  await docker.ok("run", "-d", "--name", name, "--ulimit", "nofile=100:200", STARTER, "sleep", "60");
  expect(await docker.ok("exec", name, "sh", "-c", "ulimit -Sn; ulimit -Hn")).toBe("100\n200");
  await docker.ok("rm", "-f", name);
  if (docker.engine === undefined) return; // dockerd fails the start
  const status = readFileSync("/proc/self/status", "utf8");
  const held = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const CAP_SYS_RESOURCE = 24n;
  const result = await docker(
    "run",
    "--rm",
    "--ulimit",
    "nofile=900000:900000",
    STARTER,
    "sh",
    "-c",
    "ulimit -Hn",
  );
  expect(result.code).toBe(0);
  if ((held >> CAP_SYS_RESOURCE) & 1n) expect(result.stdout.trim()).toBe("900000");
  else {
    expect(Number(result.stdout)).toBeLessThan(900_000);
    expect(result.stderr).toContain("CAP_SYS_RESOURCE");
  }
});

test("stats gives numbers that docker can compute with", async () => {
  const name = docker.fresh("stats");
  await docker.ok("run", "-d", "--name", name, "-m", "64m", STARTER, "sh", "-c", "while :; do :; done");
  const format = "{{.CPUPerc}} {{.MemUsage}} {{.MemPerc}} {{.NetIO}} {{.BlockIO}} {{.PIDs}}";
  const line = await docker.ok("stats", "--no-stream", "--format", format, name);
  const match = /^([\d.]+)% ([\d.]+)([KM]iB) \/ 64MiB ([\d.]+)% \S+ \/ \S+ \S+ \/ \S+ 1$/.exec(line);
  expect(match, line).not.toBe(null);
  expect(Number(match?.[1])).toBeGreaterThan(5);
  expect(Number(match?.[4])).toBeLessThan(100);
  await docker.ok("kill", name);
  expect(await docker.ok("stats", "--no-stream", "--all", "--format", "{{.CPUPerc}} {{.PIDs}}", name)).toBe(
    "0.00% 0",
  );
  await docker.ok("rm", name);
});

test("exec has its own terminal, environment, user, folder and privileges", async () => {
  const name = docker.fresh("exec");
  await docker.ok(
    "run",
    "-d",
    "--name",
    name,
    "-e",
    "A=run",
    "-w",
    "/tmp",
    "--cap-drop",
    "ALL",
    STARTER,
    "sleep",
    "60",
  );
  expect(await docker.ok("exec", name, "sh", "-c", 'echo "$A $PWD"')).toBe("run /tmp");
  expect(await docker.ok("exec", "-e", "A=exec", "-w", "/usr", name, "sh", "-c", 'echo "$A $PWD"')).toBe(
    "exec /usr",
  );
  expect(await docker.ok("exec", "-u", "guest", name, "id", "-un")).toBe("guest");
  expect((await docker("exec", "-t", name, "tty")).stdout).toMatch(/^\/dev\/pts\/\d+\r\n$/);
  const caps = ["sh", "-c", "grep CapEff /proc/self/status | cut -f2"];
  expect(await docker.ok("exec", name, ...caps)).toBe("0000000000000000");
  expect(await docker.ok("exec", "--privileged", name, ...caps)).not.toBe("0000000000000000");
  await docker.ok("exec", "-d", name, "sh", "-c", "sleep 0.2; touch /tmp/done");
  await until(
    "the detached exec",
    async () => (await docker("exec", name, "test", "-e", "/tmp/done")).code === 0,
  );
  await docker.ok("rm", "-f", name);
});

test("containers can share an IPC namespace with its shared memory", async () => {
  const owner = docker.fresh("ipc");
  await docker.ok(
    "run",
    "-d",
    "--name",
    owner,
    "--ipc",
    "shareable",
    STARTER,
    "sh",
    "-c",
    "echo shared > /dev/shm/x; sleep 60",
  );
  await until("the file", async () => (await docker("exec", owner, "test", "-e", "/dev/shm/x")).code === 0);
  expect(await docker.ok("run", "--rm", "--ipc", `container:${owner}`, STARTER, "cat", "/dev/shm/x")).toBe(
    "shared",
  );
  expect((await docker("run", "--rm", "--ipc", "none", STARTER, "ls", "/dev/shm")).code).toBe(1);
  await docker.ok("rm", "-f", owner);
});

test("inspect tells what was left open: the runtime, and mounts without those of --tmpfs", async () => {
  const name = docker.fresh("filled");
  const mount = ["--tmpfs", "/t:size=1m", "--mount", "type=tmpfs,target=/m", "-v", "/etc:/e:ro"];
  await docker.ok("create", "--name", name, ...mount, STARTER, "true");
  expect(await inspect(name, "{{.HostConfig.Runtime}}")).toMatch(/^(crun|runc)$/);
  const points = JSON.parse(await inspect(name, "{{json .Mounts}}")) as {
    Type: string;
    Destination: string;
    RW: boolean;
  }[];
  expect(points.map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW}`).toSorted()).toEqual([
    "bind /e false",
    "tmpfs /m true",
  ]);
  await docker.ok("rm", name);
});
