import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Docker, finish, openDocker, type Outcome, STARTER, until } from "../compat/docker.ts";
import { compose as buildCompose, COMPOSE_VERSIONS } from "./build.ts";

/** The real compose on this engine, or on the one that DOCKER_PEER names. */
const fileOf = (project: string): string => `
name: ${project}
services:
  db:
    image: ${STARTER}
    command: sh -c 'sleep 1; touch /ready; exec sleep 1000'
    stop_grace_period: 1s
    healthcheck: {test: [CMD, test, -f, /ready], interval: 1s, timeout: 1s, retries: 20}
    volumes: [data:/var/data]
    networks: [back]
  web:
    image: ${STARTER}
    command: httpd -f -p 80 -h /www
    stop_grace_period: 1s
    depends_on: {db: {condition: service_healthy}}
    ports: ["127.0.0.1::80"]
    environment: {GREETING: hello}
    configs: [{source: page, target: /www/index.html}]
    networks: {front: {}, back: {aliases: [shop]}}
    deploy: {resources: {limits: {memory: 64M}}}
    develop: {watch: [{action: sync, path: ./site, target: /www}]}
  job:
    image: ${STARTER}
    command: sh -c 'echo job for $$NAME; exit 3'
    environment: [NAME=x]
    profiles: [tools]
    networks: [back]
configs: {page: {content: "hi from compose\\n"}}
networks: {front: {}, back: {internal: true}}
volumes: {data: {}}
`;

describe.each(COMPOSE_VERSIONS)("compose %s", (version) => {
  const project = `lscompose${version.slice(1, 2)}x${process.pid}`;
  const file = fileOf(project);
  let docker: Docker;
  let program = "";
  let folder = "";
  beforeAll(async () => {
    program = buildCompose(version);
    docker = await openDocker();
    folder = await mkdtemp(join(tmpdir(), "longshore-compose-"));
    await writeFile(join(folder, "compose.yaml"), file);
  }, 1_200_000);
  afterAll(async () => {
    await compose("--profile", "tools", "down", "-v", "-t", "0");
    await docker[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  const environment = (): NodeJS.ProcessEnv => ({ ...process.env, DOCKER_HOST: `unix://${docker.socket}` });
  const compose = (...args: readonly string[]): Promise<Outcome> =>
    finish(spawn(program, args, { cwd: folder, env: environment() }));
  async function ok(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await compose(...args);
    if (code !== 0) throw new Error(`compose ${args.join(" ")} ended with ${code}: ${stderr}${stdout}`);
    return stdout.trim();
  }
  const ids = async (service: string): Promise<readonly string[]> =>
    (await ok("ps", "-q", service)).split("\n").filter(Boolean);

  test("up waits for a dependency's health and publishes ports", async () => {
    await ok("up", "-d", "--wait");
    const [db = ""] = await ids("db");
    expect(await docker.ok("inspect", "-f", "{{.State.Health.Status}}", db)).toBe("healthy");
    const address = await ok("port", "web", "80");
    expect(address).toMatch(/^127\.0\.0\.1:\d+$/);
    // A peer may have its ports in a network namespace of its own.
    if (docker.engine) expect(await (await fetch(`http://${address}/`)).text()).toBe("hi from compose\n");
  });

  test("exec sees the environment, other services by name, and this one by its alias", async () => {
    expect(await ok("exec", "-T", "web", "sh", "-c", "echo $GREETING; wget -qO- http://shop/")).toBe(
      "hello\nhi from compose",
    );
    expect(await ok("exec", "-T", "web", "ping", "-c", "1", "db")).toContain("1 packets received");
    expect((await compose("exec", "-T", "web", "sh", "-c", "exit 9")).code).toBe(9);
  });

  test("a second up changes nothing, a changed service is recreated, its volume stays", async () => {
    const before = await ids("db");
    await ok("exec", "-T", "db", "sh", "-c", "echo kept > /var/data/f");
    await ok("up", "-d");
    expect(await ids("db")).toEqual(before);
    await ok("up", "-d", "--force-recreate", "--wait", "db");
    expect(await ids("db")).not.toEqual(before);
    expect(await ok("exec", "-T", "db", "cat", "/var/data/f")).toBe("kept");
  });

  test("scale goes up and down", async () => {
    await ok("up", "-d", "--scale", "web=3", "--no-recreate");
    expect(await ids("web")).toHaveLength(3);
    await ok("up", "-d", "--scale", "web=1", "--no-recreate");
    expect(await ids("web")).toHaveLength(1);
  });

  test("run, profiles, and an exit code that comes through", async () => {
    expect(await compose("run", "--rm", "job")).toMatchObject({ code: 3, stdout: "job for x\n" });
    const up = await compose("--profile", "tools", "up", "--no-deps", "--exit-code-from", "job", "job");
    expect(up.code).toBe(3);
    expect(up.stdout).toContain("job for x");
  });

  test("cp, logs, top, pause, kill, restart, stop and start", async () => {
    await ok("up", "-d", "--wait");
    await ok("cp", "compose.yaml", "web:/tmp/copied.yaml");
    expect(await ok("exec", "-T", "web", "cat", "/tmp/copied.yaml")).toBe(file.trim());
    await ok("run", "--rm", "-d", "--name", `${project}-talk`, "db", "sh", "-c", "echo spoken; sleep 100");
    await until("its word", async () => (await docker.ok("logs", `${project}-talk`)) === "spoken");
    await docker.ok("rm", "-f", `${project}-talk`);
    expect(await ok("logs", "--no-log-prefix", "db")).toBe("");
    await ok("exec", "-T", "web", "sh", "-c", "echo logged > /proc/1/fd/1");
    await until("its line", async () => /^web-1 +\| logged$/m.test(await ok("logs", "web")));
    await ok("cp", "web:/tmp/copied.yaml", "back.yaml");
    expect(await readFile(join(folder, "back.yaml"), "utf8")).toBe(file);
    expect(await ok("top", "web")).toContain("httpd -f -p 80");
    await ok("pause", "db");
    expect(await ok("ps", "--format", "{{.State}}", "db")).toBe("paused");
    await ok("unpause", "db");
    await ok("kill", "web");
    expect(await ok("ps", "-a", "--format", "{{.State}}", "web")).toBe("exited");
    await ok("stop");
    expect(await ok("ps", "-q")).toBe("");
    await ok("start");
    await ok("restart", "-t", "0", "web");
    await until("web", async () => (await ok("ps", "--format", "{{.State}}", "web")) === "running");
  });

  test("watch copies what changes", async () => {
    await mkdir(join(folder, "site"), { recursive: true });
    const watching = spawn(program, ["watch", "--no-up"], { cwd: folder, env: environment() });
    const ended = finish(watching);
    try {
      let heard = "";
      watching.stdout.on("data", (chunk: Buffer) => (heard += chunk.toString()));
      watching.stderr.on("data", (chunk: Buffer) => (heard += chunk.toString()));
      await until("compose watches", async () => /watch/i.test(heard));
      // Once: it waits for a folder to be quiet.
      await writeFile(join(folder, "site/new.html"), "synced\n");
      await until(`the changed page, ${heard}`, async () => {
        const { code, stdout } = await compose("exec", "-T", "web", "cat", "/www/new.html");
        return code === 0 && stdout === "synced\n";
      });
    } finally {
      watching.kill("SIGTERM");
      await ended;
    }
  });

  test("down -v leaves nothing", async () => {
    await ok("--profile", "tools", "down", "-v", "-t", "0");
    const label = ["--filter", `label=com.docker.compose.project=${project}`];
    expect(await docker.ok("ps", "-aq", ...label)).toBe("");
    expect(await docker.ok("network", "ls", "-q", ...label)).toBe("");
    expect(await docker.ok("volume", "ls", "-q", ...label)).toBe("");
  });
});
