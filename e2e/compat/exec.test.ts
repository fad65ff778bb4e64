import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, raw, STARTER } from "./docker.ts";

/** What an exec is made of, and what no exec is made of: beyond what the CLI lets through. */
let docker: Docker;
let id: string;
beforeAll(async () => {
  docker = await openDocker();
  id = await docker.ok(
    "run",
    "-d",
    "--user",
    "7",
    "--workdir",
    "/tmp",
    "--group-add",
    "44",
    STARTER,
    "sleep",
    "1000",
  );
});
afterAll(() => docker[Symbol.asyncDispose]());

const post = (path: string, body: object): ReturnType<typeof raw> =>
  raw(docker.socket, "POST", path, JSON.stringify(body));

test.for([
  [{ Cmd: [] }, "No exec command specified"],
  [{ WorkingDir: "tmp" }, 'Cwd must be an absolute path: "tmp"'],
  [{ Env: ["=x"] }, "invalid environment variable: =x"],
  [{ User: "nobody-here" }, "unable to find user nobody-here: no matching entries in passwd file"],
  [{ DetachKeys: "ctrl-!!" }, "Invalid escape keys (ctrl-!!) provided"],
] as const)("an exec of %j is refused when it is made", async ([body, message]) => {
  const answer = await post(`/containers/${id}/exec`, { Cmd: ["true"], ...body });
  expect(answer.status).toBe(400);
  expect(answer.message).toContain(message);
});

test("an exec has the container's user, folder and groups unless it says otherwise, and inspect tells", async () => {
  const output = await docker.ok("exec", id, "sh", "-c", "id -u; id -G; pwd");
  expect(output.split("\n")).toEqual(["7", "0 44", "/tmp"]);
  expect(await docker.ok("exec", "--user", "8:9", id, "id", "-G")).toBe("9 44");
  const { message } = await post(`/containers/${id}/exec`, { Cmd: ["true"] });
  const exec = (JSON.parse(message) as { Id: string }).Id;
  const { ProcessConfig } = JSON.parse((await raw(docker.socket, "GET", `/exec/${exec}/json`)).message) as {
    ProcessConfig: object;
  };
  expect(ProcessConfig).toMatchObject({ user: "7", privileged: false });
  expect((await post(`/exec/${exec}/start`, { Detach: true })).status).toBe(200);
  expect(await post(`/exec/${exec}/start`, { Detach: true })).toMatchObject({
    status: 409,
    message: expect.stringMatching(new RegExp(`^exec command ${exec} (has already run|is already running)$`)),
  });
});

test.for(["h=x&w=1", "h=1", "h=-1&w=1", "h=1&w=70000"])("a terminal of %s is refused", async (size) => {
  const answer = await post(`/containers/${id}/resize?${size}`, {});
  expect(answer).toMatchObject({
    status: 400,
    message: expect.stringMatching(
      /^invalid resize (height|width) ".*": (invalid syntax|value out of range)$/,
    ),
  });
});

test("a program that is not there fails the exec, by name", async () => {
  const { code, stdout, stderr } = await docker("exec", id, "nosuch");
  expect(code).toBe(127);
  expect(stdout + stderr).toContain("OCI runtime exec failed: ");
});

test("statistics of a container that stands still have every field, with nothing in it", async () => {
  const still = await docker.ok("create", STARTER, "true");
  const { message } = await raw(docker.socket, "GET", `/containers/${still}/stats?stream=0`);
  expect(JSON.parse(message)).toMatchObject({
    read: "0001-01-01T00:00:00Z",
    preread: "0001-01-01T00:00:00Z",
    cpu_stats: { cpu_usage: { total_usage: 0 } },
    precpu_stats: { cpu_usage: { total_usage: 0 } },
    memory_stats: {},
    pids_stats: {},
  });
  expect(await docker.ok("stats", "--no-stream", "--format", "{{.CPUPerc}} {{.PIDs}}", still)).toBe(
    "0.00% 0",
  );
});
