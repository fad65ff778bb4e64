import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, finish, openDocker, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const stdout = async (...args: readonly string[]): Promise<string> => (await docker("logs", ...args)).stdout;

test("logs of what does not run has no more to follow; a tag is rendered, a bad one fails the start", async () => {
  const [name, tagged] = [docker.fresh("created"), docker.fresh("tagged")];
  await docker.ok("create", "--name", name, STARTER, "echo", "hi");
  expect(await docker("logs", "-f", name)).toEqual({ code: 0, stdout: "", stderr: "" });
  await docker.ok("start", "-a", name);
  expect(await stdout("-f", name)).toBe("hi\n");
  await docker.ok("run", "--name", tagged, "--log-opt", "tag={{.Name}}", STARTER, "echo", "hi");
  expect(await stdout("--details", tagged)).toBe(`tag=${tagged} hi\n`);
  const bad = await docker("run", "--rm", "--log-opt", "tag={{.Nope}}", STARTER, "true");
  expect([bad.code, bad.stderr]).toEqual([
    125,
    expect.stringContaining("failed to initialize logging driver: template: log-tag"),
  ]);
  await docker.ok("rm", name, tagged);
});

test("logs takes since, until, tail, timestamps and details, alone and together", async () => {
  const name = docker.fresh("query");
  const options = [
    "--label",
    "app=web shop",
    "-e",
    "MODE=dev",
    "--log-opt",
    "labels=app",
    "--log-opt",
    "env=MODE",
  ];
  const script = "for i in 1 2 3 4 5 6; do echo line $i; sleep 0.15; done";
  await docker.ok("run", "--name", name, ...options, STARTER, "sh", "-c", script);
  const stamped = (await stdout("-t", name)).trim().split("\n");
  expect(stamped.length).toBe(6);
  const [second = "", , fourth = ""] = stamped.slice(1).map((line) => line.split(" ")[0] ?? "");
  expect(await stdout("--since", second, name)).toBe("line 2\nline 3\nline 4\nline 5\nline 6\n");
  expect(await stdout("--until", fourth, name)).toBe("line 1\nline 2\nline 3\nline 4\n");
  expect(await stdout("--since", second, "--until", fourth, name)).toBe("line 2\nline 3\nline 4\n");
  expect(await stdout("--tail", "2", name)).toBe("line 5\nline 6\n");
  expect(await stdout("--tail", "0", name)).toBe("");
  expect(await stdout("--tail", "all", name)).toBe(await stdout(name));
  // The last three are taken first, then those before the time.
  expect(await stdout("--tail", "3", "--until", fourth, name)).toBe("line 4\n");
  expect(await stdout("--since", "10m", "--tail", "1", name)).toBe("line 6\n");
  expect(await stdout("--details", "--tail", "1", name)).toBe("MODE=dev,app=web+shop line 6\n");
  expect(await stdout("--details", "-t", "--tail", "1", name)).toMatch(
    /^\S+Z MODE=dev,app=web\+shop line 6\n$/,
  );
  await docker.ok("rm", name);
});

test("a log with max-size keeps the newest lines, whole and in order", async () => {
  const name = docker.fresh("rotated");
  const options = ["--log-opt", "max-size=200k", "--log-opt", "max-file=3"];
  await docker.ok("run", "--name", name, ...options, STARTER, "seq", "100000", "200000");
  const lines = (await stdout(name)).trim().split("\n");
  expect(lines.length).toBeGreaterThan(2000);
  expect(lines.length).toBeLessThan(100_000);
  expect(lines.at(-1)).toBe("200000");
  expect(lines.every((line, index) => Number(line) === 200_000 - lines.length + 1 + index)).toBe(true);
  expect(await stdout("--tail", "2", name)).toBe("199999\n200000\n");
  await docker.ok("rm", name);
});

test("following a log through its rotations misses nothing", async () => {
  const name = docker.fresh("through");
  const options = ["--log-opt", "max-size=50k", "--log-opt", "max-file=2", "-i"];
  const script = "read go; i=0; while [ $i -lt 200 ]; do seq 1 200; i=$((i+1)); sleep 0.005; done; echo last";
  await docker.ok("run", "-d", "--name", name, ...options, STARTER, "sh", "-c", script);
  const ended = finish(docker.open("logs", "-f", name));
  await docker.withInput("\n", "attach", "--sig-proxy=false", name);
  const lines = (await ended).stdout.trim().split("\n");
  expect(lines.at(-1)).toBe("last");
  if (docker.engine !== undefined) expect(lines.length).toBe(200 * 200 + 1);
  await docker.ok("rm", "-f", name);
});

test("the local driver keeps and gives lines; none gives them to attached clients only", async () => {
  const [local, none] = [docker.fresh("local"), docker.fresh("none")];
  await docker.ok("run", "--name", local, "--log-driver", "local", STARTER, "sh", "-c", "echo a; echo b >&2");
  expect(await docker("logs", local)).toMatchObject({ code: 0, stdout: "a\n", stderr: "b\n" });
  expect(await docker.ok("inspect", local, "--format", "{{.HostConfig.LogConfig.Type}}")).toBe("local");
  expect(await docker("run", "--name", none, "--log-driver", "none", STARTER, "echo", "seen")).toMatchObject({
    code: 0,
    stdout: "seen\n",
  });
  const refused = await docker("logs", none);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("configured logging driver does not support reading");
  await docker.ok("rm", local, none);
});

test("unknown drivers and options are refused", async () => {
  const refusal = async (...flags: string[]): Promise<string> => {
    const { code, stderr } = await docker("run", "--rm", ...flags, STARTER, "true");
    expect(code).toBe(125);
    return stderr;
  };
  if (docker.engine !== undefined)
    expect(await refusal("--log-driver", "nosuch")).toContain("no log driver named 'nosuch' is registered");
  expect(await refusal("--log-opt", "color=red")).toContain(
    "unknown log opt 'color' for json-file log driver",
  );
  expect(await refusal("--log-opt", "max-size=x")).toContain("invalid size: 'x'");
});

test("logs of a restarting container has every run, and follow ends with a run", async () => {
  const name = docker.fresh("runs");
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
    "echo -n begin; sleep 0.1; exit 1",
  );
  await until(
    "the end",
    async () =>
      (await docker.ok("inspect", name, "--format", "{{.State.Status}} {{.RestartCount}}")) === "exited 2",
  );
  expect(await stdout(name)).toBe("begin".repeat(3));
  await docker.ok("rm", name);
});
