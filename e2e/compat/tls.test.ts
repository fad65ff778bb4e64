import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Docker as OwnClient, optionsFromEnvironment } from "@longshore/client";
import {
  type Authority,
  dockerArchive,
  type EngineUnderTest,
  freePort,
  type Issued,
  makeAuthority,
  startEngine,
  starterRecipe,
  tarOf,
} from "@longshore/testkit";
import Dockerode from "dockerode";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { finish, type Outcome, STARTER } from "./docker.ts";
import { execReadsStdinToItsEnd } from "./stdin-exec.ts";

let folder = "";
let authority: Authority;
let client: Issued;
let engine: EngineUnderTest;
let port = 0;
let second = "";
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "longshore-tls-"));
  authority = makeAuthority(join(folder, "own"));
  const own = authority.issue("engine");
  client = authority.issue("client");
  port = await freePort();
  second = join(folder, "second.sock");
  engine = await startEngine({
    flags: [
      "--host",
      `tcp://127.0.0.1:${port}`,
      "--host",
      `unix://${second}`,
      "--tlsverify",
      "--tlscacert",
      authority.ca,
      "--tlscert",
      own.cert,
      "--tlskey",
      own.key,
    ],
  });
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const shown = (by: Issued): readonly string[] => [
  "--tlsverify",
  "--tlscacert",
  authority.ca,
  "--tlscert",
  by.cert,
  "--tlskey",
  by.key,
];

function open(
  args: readonly string[],
  by: readonly string[] = shown(client),
): ChildProcessWithoutNullStreams {
  const env = { ...process.env, DOCKER_CONFIG: folder, DOCKER_HOST: undefined };
  return spawn("docker", ["-H", `tcp://127.0.0.1:${port}`, ...by, ...args], { env });
}

async function docker(
  args: readonly string[],
  input: string | Uint8Array = "",
  by?: readonly string[],
): Promise<Outcome> {
  const child = open(args, by);
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  return await finish(child);
}

describe("the docker CLI over TLS", () => {
  test("loads an image and runs it with piped stdin until its end", async () => {
    expect(await docker(["load"], dockerArchive(starterRecipe()))).toMatchObject({ code: 0 });
    const text = "line\n".repeat(400_000);
    const counted = await docker(["run", "-i", "--rm", STARTER, "wc", "-c"], text);
    expect(counted).toMatchObject({ code: 0, stdout: `${text.length}\n` });
    const echoed = await docker(
      ["run", "-i", "--rm", STARTER, "sh", "-c", "cat; echo end >&2; exit 3"],
      text,
    );
    expect(echoed).toMatchObject({ code: 3, stderr: "end\n" });
    expect(echoed.stdout === text).toBe(true);
  });

  test("execs, follows a log, copies both ways", async () => {
    const script = "echo ready; while [ ! -e /stop ]; do sleep 0.1; done; echo over";
    expect(await docker(["run", "-d", "--name", "runs", STARTER, "sh", "-c", script])).toMatchObject({
      code: 0,
    });
    const followed = finish(open(["logs", "-f", "runs"]));
    expect(await docker(["exec", "-i", "runs", "sh", "-c", "cat; exit 4"], "typed")).toMatchObject({
      code: 4,
      stdout: "typed",
    });
    expect(
      await docker(["cp", "-", "runs:/www"], tarOf([{ name: "page", data: Buffer.alloc(300_000, "y") }])),
    ).toMatchObject({ code: 0 });
    const got = await docker(["cp", "runs:/www/page", "-"]);
    expect(got.stdout.length).toBeGreaterThan(300_000);
    expect(await docker(["exec", "runs", "touch", "/stop"])).toMatchObject({ code: 0 });
    expect(await followed).toMatchObject({ code: 0, stdout: "ready\nover\n" });
    expect(await docker(["rm", "-f", "runs"])).toMatchObject({ code: 0 });
  });

  test("has a terminal", async () => {
    // script(1) gives the CLI a terminal.
    const command = [
      "docker",
      "-H",
      `tcp://127.0.0.1:${port}`,
      ...shown(client),
      "run",
      "-it",
      "--rm",
      STARTER,
    ];
    const child = spawn(
      "script",
      ["-qec", `${command.join(" ")} sh -c 'read x; tty; echo got $x; exit 5'`, "/dev/null"],
      {
        env: { ...process.env, DOCKER_CONFIG: folder },
      },
    );
    child.stdin.write("word\n");
    expect(await finish(child)).toMatchObject({
      code: 5,
      stdout: expect.stringMatching(/\/dev\/[\s\S]*got word/) as string,
    });
  });

  test("gets nothing without a certificate, with a foreign one, or without TLS", async () => {
    const foreign = makeAuthority(join(folder, "foreign")).issue("client");
    for (const by of [["--tls", "--tlscacert", authority.ca], shown(foreign), []]) {
      const refused = await docker(["ps"], "", by);
      expect(refused.code).toBe(1);
      expect(refused.stdout).not.toContain("CONTAINER");
    }
    expect(await docker(["version", "--format", "{{.Server.Version}}"])).toMatchObject({ code: 0 });
  });

  test("is warned of nothing, and finds the second unix socket alive", async () => {
    expect((await docker(["info"])).stderr).not.toContain("API is accessible");
    const child = spawn("docker", ["-H", `unix://${second}`, "version"], {
      env: { ...process.env, DOCKER_CONFIG: folder },
    });
    expect(await finish(child)).toMatchObject({ code: 0 });
  });
});

describe("libraries over TLS", () => {
  const options = (): {
    host: string;
    port: number;
    protocol: "https";
    ca: Buffer;
    cert: Buffer;
    key: Buffer;
  } => ({
    host: "127.0.0.1",
    port,
    protocol: "https",
    ca: readFileSync(authority.ca),
    cert: readFileSync(client.cert),
    key: readFileSync(client.key),
  });

  test.for(["dockerode", "packages/client"])("%s execs with stdin until its end", async (which) => {
    const api = which === "dockerode" ? new Dockerode(options()) : new OwnClient(options());
    await execReadsStdinToItsEnd(api as OwnClient);
  });

  test("packages/client finds address and certificates in the environment", async () => {
    const place = join(folder, "usual");
    mkdirSync(place);
    const env = { DOCKER_HOST: `tcp://127.0.0.1:${port}`, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: place };
    expect(() => optionsFromEnvironment(env)).toThrow(`DOCKER_TLS_VERIFY wants ca.pem in "${place}"`);
    for (const [name, from] of Object.entries({ ca: authority.ca, ...client }))
      copyFileSync(from, join(place, `${name}.pem`));
    expect(await new OwnClient(optionsFromEnvironment(env)).ping()).toBe("OK");
  });
});

describe("the engine's program with TLS files that don't fit", () => {
  const main = join(import.meta.dirname, "../../packages/engine/src/main.ts");
  function run(word: readonly string[], key: string): { status: number | null; text: string } {
    const roots = ["--data-root", join(folder, "data"), "--state-root", join(folder, "state")];
    const tls = ["--tlsverify", "--tlscacert", authority.ca, "--tlscert", client.cert, "--tlskey", key];
    const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...word, ...roots, ...tls], {
      encoding: "utf8",
      timeout: 30_000,
    });
    return { status, text: stdout + stderr };
  }

  test("refuses to start before it makes anything, and names the file", () => {
    const { status, text } = run([], "/no/such.key");
    expect(status).toBe(1);
    expect(text).toContain(
      'longshore: --tlskey "/no/such.key": there is no such file, want the server\'s private key',
    );
    expect(existsSync(join(folder, "data"))).toBe(false);
  });

  test("doctor shows them", () => {
    expect(run(["doctor"], "/no/such.key")).toMatchObject({
      status: 1,
      text: expect.stringContaining('MISSING TLS files: --tlskey "/no/such.key"') as string,
    });
    chmodSync(client.key, 0o640);
    expect(run(["doctor"], client.key).text).toMatch(/ok {6}TLS files: .*; --tlskey ".*" has mode 640/);
  });
});

test("an engine on plain loopback TCP says so to docker info", async () => {
  const open = await freePort();
  await using plain = await startEngine({ flags: ["--host", `tcp://127.0.0.1:${open}`] });
  const child = spawn("docker", ["-H", `tcp://127.0.0.1:${open}`, "info"], {
    env: { ...process.env, DOCKER_CONFIG: folder },
  });
  expect((await finish(child)).stderr).toContain(
    `WARNING: API is accessible on http://127.0.0.1:${open} without encryption`,
  );
  expect(plain.log()).toContain(`127.0.0.1:${open}`);
});
