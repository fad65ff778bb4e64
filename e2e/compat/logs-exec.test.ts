import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, finish, openDocker, raw, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => {
  docker = await openDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

test("logs keeps the streams apart and takes tail, since and timestamps", async () => {
  const name = docker.fresh("logs");
  await docker.ok(
    "run",
    "--name",
    name,
    STARTER,
    "sh",
    "-c",
    "for i in 1 2 3; do echo o$i; done; echo e >&2",
  );
  expect(await docker("logs", name)).toMatchObject({ stdout: "o1\no2\no3\n", stderr: "e\n" });
  expect((await docker("logs", "--tail", "2", name)).stdout).toMatch(/^(o3\n|o2\no3\n)$/);
  expect((await docker("logs", "--since", "2099-01-01T00:00:00Z", name)).stdout).toBe("");
  expect((await docker("logs", "-t", name)).stdout).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z o1\n/);
  await docker.ok("rm", name);
});

test("logs -f follows until the container ends", async () => {
  const name = docker.fresh("follow");
  await docker.ok(
    "run",
    "-d",
    "-i",
    "--name",
    name,
    STARTER,
    "sh",
    "-c",
    "echo first; read x; sleep 0.5; echo last",
  );
  const child = docker.open("logs", "-f", name);
  const ended = finish(child);
  await new Promise<void>((done) => child.stdout.once("data", () => done()));
  const attached = await docker.withInput("\n", "attach", name);
  expect(attached.code).toBe(0);
  expect((await ended).stdout).toBe("first\nlast\n");
  await docker.ok("rm", name);
});

test("logs loses none of 20000 lines", async () => {
  const name = docker.fresh("many");
  await docker.ok("run", "--name", name, "-d", STARTER, "seq", "1", "20000");
  await docker.ok("wait", name);
  const lines = (await docker.ok("logs", name)).split("\n");
  expect(lines.length).toBe(20_000);
  expect(lines.every((line, index) => line === String(index + 1))).toBe(true);
  await docker.ok("rm", name);
});

test("a frame is a line, also for a follower and for docker-py under the CLI's name; only for the CLI itself lines are joined", async () => {
  const name = docker.fresh("frames");
  const script = "echo o1; echo o2; sleep 0.2; echo e1 >&2; echo e2 >&2; sleep 0.2; echo o3; printf rest";
  await docker.ok("run", "--name", name, STARTER, "sh", "-c", script);
  const cli = { "User-Agent": "Docker-Client/28.2.2 (linux)" };
  const frames = async (headers: Record<string, string>, more = ""): Promise<string[]> => {
    const path = `/containers/${name}/logs?stdout=1&stderr=1${more}`;
    const { message } = await raw(docker.socket, "GET", path, undefined, headers);
    // All lengths are below 128 here, so that the text is the bytes.
    const bytes = Buffer.from(message);
    const found: string[] = [];
    for (let at = 0; at < bytes.length; at += 8 + bytes.readUInt32BE(at + 4))
      found.push(
        `${bytes[at] === 2 ? "stderr" : "stdout"} ${bytes.toString("utf8", at + 8, at + 8 + bytes.readUInt32BE(at + 4))}`,
      );
    return found;
  };
  const lines = ["stdout o1\n", "stdout o2\n", "stderr e1\n", "stderr e2\n", "stdout o3\n", "stdout rest"];
  expect(await frames({})).toEqual(lines);
  expect(await frames({ "User-Agent": "docker-sdk-python/7.1.0", Accept: "*/*" })).toEqual(lines);
  expect(await frames({ ...cli, Accept: "*/*" })).toEqual(lines);
  expect(await frames(cli, "&follow=1")).toEqual(lines);
  expect(await frames(cli)).toEqual(["stdout o1\no2\n", "stderr e1\ne2\n", "stdout o3\nrest"]);
  expect(await frames(cli, "&tail=3")).toEqual(["stderr e2\n", "stdout o3\nrest"]);
  const [timed = ""] = await frames(cli, "&timestamps=1");
  expect(timed).toMatch(/^stdout \S+Z o1\n\S+Z o2\n$/);
  await docker.ok("rm", name);
});

test("exec passes streams, exit codes, env, user and workdir", async () => {
  const name = docker.fresh("exec");
  await docker.ok("run", "-d", "--name", name, STARTER, "sleep", "60");
  const run = "echo out; echo err >&2; exit 9";
  expect(await docker("exec", name, "sh", "-c", run)).toEqual({ code: 9, stdout: "out\n", stderr: "err\n" });
  const where = 'echo "$A $PWD $(id -u)"';
  expect(await docker.ok("exec", "-e", "A=1", "-w", "/etc", "-u", "1000", name, "sh", "-c", where)).toBe(
    "1 /etc 1000",
  );
  expect((await docker.withInput("a\nb\n", "exec", "-i", name, "wc", "-l")).stdout.trim()).toBe("2");
  expect((await docker("exec", "-t", name, "sh", "-c", "test -t 0 && echo tty")).stdout).toBe("tty\r\n");
  await docker.ok("exec", "-d", name, "touch", "/made");
  await until(
    "the detached exec",
    async () => (await docker("exec", name, "test", "-e", "/made")).code === 0,
  );
  expect((await docker("exec", name, "no-such")).code).toBeGreaterThanOrEqual(126);
  await docker.ok("kill", name);
  const stopped = await docker("exec", name, "true");
  expect(stopped.code).toBe(1);
  expect(stopped.stderr).toContain("is not running");
  await docker.ok("rm", name);
});

test("events tells a container's life in order", async () => {
  const name = docker.fresh("events");
  const since = String(Date.now() / 1000 - 1);
  expect((await docker("run", "--rm", "--name", name, STARTER, "sh", "-c", "exit 2")).code).toBe(2);
  const read = async (): Promise<string[]> => {
    const end = String(Date.now() / 1000);
    const format = "{{.Action}} {{.Actor.Attributes.exitCode}}";
    const filter = ["--filter", `container=${name}`, "--filter", "type=container"];
    const text = await docker.ok("events", "--since", since, "--until", end, ...filter, "--format", format);
    return text.split("\n").map((line) => line.replace(" <no value>", "").trim());
  };
  const seen = await until("destroy", async () => {
    const list = await read();
    return list.includes("destroy") ? list : undefined;
  });
  const order = ["create", "start", "die 2", "destroy"];
  expect(seen.filter((action) => order.includes(action))).toEqual(order);
});

test("cp goes in and out, files and folders, running or not", async () => {
  const name = docker.fresh("cp");
  await docker.ok("create", "--name", name, "-v", "/volume", STARTER);
  const { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } = await import("node:fs");
  const folder = mkdtempSync("/tmp/longshore-cp-");
  try {
    writeFileSync(`${folder}/in.txt`, "hello");
    mkdirSync(`${folder}/tree/deep`, { recursive: true });
    writeFileSync(`${folder}/tree/deep/x`, "x");
    await docker.ok("cp", `${folder}/in.txt`, `${name}:/root/renamed.txt`);
    await docker.ok("cp", `${folder}/tree`, `${name}:/root`);
    await docker.ok("cp", `${name}:/root/renamed.txt`, `${folder}/out.txt`);
    await docker.ok("cp", `${name}:/root/tree`, `${folder}/back`);
    expect(readFileSync(`${folder}/out.txt`, "utf8")).toBe("hello");
    expect(readFileSync(`${folder}/back/deep/x`, "utf8")).toBe("x");
    const absent = await docker("cp", `${name}:/nowhere`, folder);
    expect(absent.code).toBe(1);
    // In the words of the CLI 28 | 20.10.
    expect(absent.stderr).toMatch(
      /Could not find the file \/nowhere in container|No such container:path: .*:\/nowhere/,
    );
    const nowhere = await docker("cp", `${folder}/in.txt`, `${name}:/no/such/folder/`);
    expect(nowhere.code).toBe(1);
  } finally {
    rmSync(folder, { recursive: true });
    await docker.ok("rm", "-v", name);
  }
});
