import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";
import { fluentdServer, type LogServer, streamServer, udpServer, unixgramServer } from "./log-servers.ts";

const folder = mkdtempSync(join(tmpdir(), "longshore-log-servers-"));
const journalSocket = join(folder, "journal");
let docker: Docker;
beforeAll(async () => {
  docker = await openDocker({ flags: ["--journald-socket", journalSocket] });
});
afterAll(async () => {
  await docker[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const logOptions = (options: Readonly<Record<string, string>>): string[] =>
  Object.entries(options).flatMap(([name, value]) => ["--log-opt", `${name}=${value}`]);

async function run(
  driver: string,
  options: Readonly<Record<string, string>>,
  script: string,
  ...flags: string[]
) {
  const name = docker.fresh(driver);
  const given = ["--name", name, "--log-driver", driver, ...logOptions(options), ...flags];
  await docker.ok("run", "-d", ...given, STARTER, "sh", "-c", script);
  return name;
}

const arrived = (server: LogServer, last: string): Promise<boolean> =>
  until(`"${last}" to arrive`, async () =>
    server.messages.some((message) => message.trimEnd().endsWith(last)),
  );

const COUNT = 40;
/** Numbers as a container says them, slowly enough for something to happen meanwhile. */
const COUNTING = `i=1; while [ $i -le ${COUNT} ]; do echo n$i; i=$((i+1)); sleep 0.05; done; echo last`;

/** Every line is there; what was repeated is in place: the numbers never go back by more than one batch. */
function expectNothingLost(messages: readonly string[]): void {
  const numbers = messages.flatMap((message) => /n(\d+)\s*$/.exec(message)?.[1] ?? []).map(Number);
  expect([...new Set(numbers)].toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: COUNT }, (_, index) => index + 1),
  );
  expect(numbers.length).toBeLessThan(2 * COUNT);
}

test("info names every log driver", async () => {
  expect(JSON.parse(await docker.ok("info", "--format", "{{json .Plugins.Log}}"))).toEqual(
    expect.arrayContaining(["json-file", "local", "none", "syslog", "journald", "fluentd"]),
  );
});

describe("syslog", () => {
  test.for(["udp", "tcp", "unix", "unixgram"] as const)(
    "over %s gets each line once, in order",
    async (kind) => {
      const path = join(folder, kind);
      await using server =
        kind === "udp"
          ? await udpServer()
          : kind === "unixgram"
            ? await unixgramServer(path)
            : await streamServer(kind === "unix" ? path : undefined);
      const options = { "syslog-address": server.address, "syslog-facility": "local3", tag: "app/{{.Name}}" };
      const name = await run("syslog", options, "echo one; sleep 0.2; echo two >&2; sleep 0.2; printf three");
      await arrived(server, "three");
      const when = "[A-Z][a-z]{2} [ \\d]\\d \\d\\d:\\d\\d:\\d\\d";
      const shape = (code: number, text: string): unknown =>
        expect.stringMatching(new RegExp(`^<${code}>${when} app/${name}\\[\\d+\\]: ${text}$`));
      expect(server.messages).toEqual([shape(158, "one"), shape(155, "two"), shape(158, "three")]);
      expect(await docker("logs", name)).toMatchObject({ stdout: "one\nthree", stderr: "two\n" });
      await docker.ok("rm", "-f", name);
    },
  );

  test("rfc5424micro has time, host, tag and text in their places", async () => {
    await using server = await streamServer();
    const options = {
      "syslog-address": server.address,
      "syslog-format": "rfc5424micro",
      tag: "{{.ImageName}}",
    };
    const name = await run("syslog", options, "echo hello");
    await arrived(server, "hello");
    expect(server.messages).toEqual([
      expect.stringMatching(
        /^<30>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ longshore\/starter:latest \d+ longshore\/starter:latest - hello$/,
      ),
    ]);
    await docker.ok("rm", "-f", name);
  });

  test("a server that nobody listens at keeps the container from starting", async () => {
    const server = await streamServer();
    await server[Symbol.asyncDispose]();
    const name = docker.fresh("refused");
    const given = [
      "--name",
      name,
      "--log-driver",
      "syslog",
      ...logOptions({ "syslog-address": server.address }),
    ];
    const { code, stderr } = await docker("run", ...given, STARTER, "true");
    expect(code).toBe(128 - 3);
    expect(stderr).toContain("failed to initialize logging driver: dial tcp 127.0.0.1:");
    expect(stderr).toContain("connect: connection refused");
    await docker.ok("rm", name);
  });

  test.for(["tcp", "udp", "unixgram"] as const)(
    "over %s goes on when the server comes back",
    async (kind) => {
      await using server =
        kind === "udp"
          ? await udpServer()
          : kind === "tcp"
            ? await streamServer()
            : await unixgramServer(join(folder, "comes-back"));
      const name = await run("syslog", { "syslog-address": server.address }, COUNTING);
      await arrived(server, "n5");
      await server.leave();
      await until("lines that the server misses", async () =>
        (await docker.ok("logs", name)).includes("n20"),
      );
      await server.comeBack();
      await arrived(server, "last");
      expectNothingLost(server.messages);
      await docker.ok("rm", "-f", name);
    },
  );

  test("an engine that is killed goes on where it was", async () => {
    await using server = await streamServer();
    const name = await run("syslog", { "syslog-address": server.address }, COUNTING);
    await arrived(server, "n5");
    await docker.engine?.kill9();
    await docker.engine?.restart();
    await arrived(server, "last");
    expectNothingLost(server.messages);
    expect(server.messages.length).toBeLessThanOrEqual(COUNT + 3);
    await docker.ok("rm", "-f", name);
  });

  test("what was said while neither engine nor server was there comes later, also after the end", async () => {
    await using server = await streamServer();
    const name = await run("syslog", { "syslog-address": server.address }, COUNTING);
    await arrived(server, "n3");
    await docker.engine?.kill9();
    await server.leave();
    await docker.engine?.restart();
    await docker.ok("wait", name);
    await server.comeBack();
    await arrived(server, "last");
    expectNothingLost(server.messages);
    await docker.ok("rm", "-f", name);
  });

  test("a container removed at its end is heard to the end", async () => {
    await using server = await streamServer();
    await docker.ok(
      "run",
      "--rm",
      "--log-driver",
      "syslog",
      ...logOptions({ "syslog-address": server.address }),
      STARTER,
      "seq",
      "1",
      "20000",
    );
    await arrived(server, " 20000");
    expect(server.messages.length).toBe(20_000);
  });
});

describe("journald", () => {
  test("gets its fields, partial lines and stderr's priority", async () => {
    await using server = await unixgramServer(journalSocket);
    const options = { tag: "{{.Name}}/{{.ID}}", labels: "com.example.app", env: "MODE" };
    const flags = ["--label", "com.example.app=shop", "-e", "MODE=dev"];
    const script =
      "echo hello; sleep 0.2; echo bad >&2; sleep 0.2; head -c 20000 /dev/zero | tr '\\0' x; echo";
    const name = await run("journald", options, script, ...flags);
    const id = await docker.ok("inspect", name, "--format", "{{.Id}}");
    await until("four entries", async () => server.messages.length >= 4);
    const entries = server.messages.map((message) =>
      Object.fromEntries(
        message
          .trimEnd()
          .split("\n")
          .map((line) => line.split(/=(.*)/s).slice(0, 2)),
      ),
    );
    const fixed = {
      CONTAINER_ID: id.slice(0, 12),
      CONTAINER_ID_FULL: id,
      CONTAINER_NAME: name,
      CONTAINER_TAG: `${name}/${id.slice(0, 12)}`,
      SYSLOG_IDENTIFIER: `${name}/${id.slice(0, 12)}`,
      IMAGE_NAME: STARTER,
      COM_EXAMPLE_APP: "shop",
      MODE: "dev",
    };
    expect(entries).toEqual([
      { ...fixed, PRIORITY: "6", MESSAGE: "hello", SYSLOG_TIMESTAMP: expect.any(String) },
      { ...fixed, PRIORITY: "3", MESSAGE: "bad", SYSLOG_TIMESTAMP: expect.any(String) },
      expect.objectContaining({
        MESSAGE: "x".repeat(16_384),
        CONTAINER_PARTIAL_MESSAGE: "true",
        CONTAINER_PARTIAL_ORDINAL: "1",
        CONTAINER_PARTIAL_LAST: "false",
      }),
      expect.objectContaining({
        MESSAGE: "x".repeat(3616),
        CONTAINER_PARTIAL_ORDINAL: "2",
        CONTAINER_PARTIAL_LAST: "true",
      }),
    ]);
    expect(entries[3]?.["CONTAINER_PARTIAL_ID"]).toBe(entries[2]?.["CONTAINER_PARTIAL_ID"]);
    await docker.ok("rm", "-f", name);
  });

  test("a host without journald is told so at start", async () => {
    const { code, stderr } = await docker("run", "--rm", "--log-driver", "journald", STARTER, "true");
    expect(code).toBe(125);
    expect(stderr).toContain("failed to initialize logging driver: journald is not enabled on this host");
  });
});

describe("fluentd", () => {
  test("gets records with tag, attributes and nanoseconds, and acknowledges them", async () => {
    await using server = await fluentdServer();
    const options = {
      "fluentd-address": server.address,
      "fluentd-request-ack": "true",
      "fluentd-sub-second-precision": "true",
      tag: "docker.{{.Name}}",
      env: "MODE",
    };
    const name = await run("fluentd", options, "echo hello; sleep 0.2; echo bad >&2", "-e", "MODE=dev");
    await arrived(server, "bad");
    const id = await docker.ok("inspect", name, "--format", "{{.Id}}");
    const record = { container_id: id, container_name: `/${name}`, MODE: "dev" };
    const time = { type: 0, seconds: expect.any(Number), nanos: expect.any(Number) };
    expect(server.events).toEqual([
      { tag: `docker.${name}`, time, record: { ...record, source: "stdout", log: "hello" } },
      { tag: `docker.${name}`, time, record: { ...record, source: "stderr", log: "bad" } },
    ]);
    expect(server.acks.length).toBe(2);
    await docker.ok("rm", "-f", name);
  });

  test("what was not acknowledged is sent again, also by the next engine", async () => {
    await using server = await fluentdServer();
    const options = {
      "fluentd-address": server.address,
      "fluentd-request-ack": "true",
      "fluentd-retry-wait": "50ms",
    };
    const name = await run("fluentd", options, COUNTING);
    await arrived(server, "n3");
    server.isAnswering = false;
    await until("lines without an answer", async () => (await docker.ok("logs", name)).includes("n10"));
    await docker.engine?.kill9();
    server.isAnswering = true;
    await docker.engine?.restart();
    await arrived(server, "n15");
    await server.leave();
    await until("lines that the server misses", async () => (await docker.ok("logs", name)).includes("n25"));
    await server.comeBack();
    await arrived(server, "last");
    expectNothingLost(server.messages);
    await docker.ok("rm", "-f", name);
  });

  test("async starts without its server and sends when it is there; without async the start fails", async () => {
    const path = join(folder, "fluentd");
    const address = { "fluentd-address": `unix://${path}` };
    const refused = await docker(
      "run",
      "--rm",
      "--log-driver",
      "fluentd",
      ...logOptions(address),
      STARTER,
      "true",
    );
    expect(refused.stderr).toContain(
      `failed to initialize logging driver: dial unix ${path}: connect: no such file`,
    );
    const name = await run(
      "fluentd",
      { ...address, "fluentd-async": "true", "fluentd-retry-wait": "50ms" },
      "echo early",
    );
    await docker.ok("wait", name);
    await using server = await fluentdServer(path);
    await arrived(server, "early");
    await docker.ok("rm", "-f", name);
  });
});

test("unknown options are refused, and cache-disabled keeps output from docker logs", async () => {
  for (const driver of ["syslog", "journald", "fluentd"]) {
    const { code, stderr } = await docker(
      "create",
      "--log-driver",
      driver,
      "--log-opt",
      "color=red",
      STARTER,
    );
    expect(code).toBe(1);
    expect(stderr).toContain(`unknown log opt 'color' for ${driver} log driver`);
  }
  await using server = await udpServer();
  const name = await run(
    "syslog",
    { "syslog-address": server.address, "cache-disabled": "true" },
    "echo sent",
  );
  await arrived(server, "sent");
  expect((await docker("logs", name)).stderr).toContain("configured logging driver does not support reading");
  await docker.ok("rm", "-f", name);
});
