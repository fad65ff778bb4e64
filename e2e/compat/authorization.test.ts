import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import {
  dockerArchive,
  type EngineUnderTest,
  freePort,
  type Issued,
  makeAuthority,
  startEngine,
  starterRecipe,
} from "@longshore/testkit";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { finish, type Outcome, STARTER } from "./docker.ts";

/** What a plugin is told; bodies decoded. */
interface Told {
  readonly method: string;
  readonly User?: string;
  readonly UserAuthNMethod?: string;
  readonly RequestMethod: string;
  readonly RequestUri: string;
  readonly RequestHeaders: Readonly<Record<string, string>>;
  readonly RequestBody?: string;
  readonly ResponseStatusCode?: number;
  readonly ResponseHeaders?: Readonly<Record<string, string>>;
  readonly ResponseBody?: string;
}
type Verdict = { readonly Allow: boolean; readonly Msg?: string; readonly Err?: string };
const ALLOW: Verdict = { Allow: true };

/** A small authorization plugin. */
class Plugin {
  readonly told: Told[] = [];
  rule: (told: Told) => Verdict = () => ALLOW;
  implements = ["authz"];
  readonly server: Server = createServer((incoming, outgoing) => {
    void (async () => {
      const given = JSON.parse(Buffer.concat(await incoming.toArray()).toString()) as Told;
      const method = (incoming.url ?? "").slice(1);
      if (method === "Plugin.Activate") return outgoing.end(JSON.stringify({ Implements: this.implements }));
      const decoded = (text: string | undefined): object | undefined =>
        text === undefined ? undefined : JSON.parse(Buffer.from(text, "base64").toString());
      const told = {
        ...given,
        method: method.replace("AuthZPlugin.", ""),
        RequestBody: decoded(given.RequestBody),
        ResponseBody: decoded(given.ResponseBody),
      } as unknown as Told;
      this.told.push(told);
      return outgoing.end(JSON.stringify(this.rule(told)));
    })();
  });

  /** What it was told of one path, without a version. */
  of(method: string, path: string): readonly Told[] {
    return this.told.filter(
      (one) => one.method === method && one.RequestUri.replace(/^\/v1\.\d+/, "") === path,
    );
  }
}

const root = mkdtempSync(join(tmpdir(), "longshore-authz-"));
const first = new Plugin();
const second = new Plugin();
const firstSocket = join(root, "run/docker/plugins/first.sock");
let engine: EngineUnderTest;
let port = 0;
let ca = "";
let client: Issued;
beforeAll(async () => {
  const places = [firstSocket, join(root, "etc/docker/plugins/second.spec"), join(root, "second.sock")];
  for (const place of places) mkdirSync(dirname(place), { recursive: true });
  writeFileSync(join(root, "etc/docker/plugins/second.spec"), `unix://${root}/second.sock\n`);
  await once(first.server.listen(firstSocket), "listening");
  await once(second.server.listen(join(root, "second.sock")), "listening");
  const authority = makeAuthority(join(root, "certificates"));
  const own = authority.issue("engine");
  client = authority.issue("alice");
  ca = authority.ca;
  port = await freePort();
  engine = await startEngine({
    flags: [
      "--authorization-plugin=first",
      "--authorization-plugin=second",
      `--plugin-root=${root}`,
      `--host=tcp://127.0.0.1:${port}`,
      `--tlsverify`,
      `--tlscacert=${ca}`,
      `--tlscert=${own.cert}`,
      `--tlskey=${own.key}`,
    ],
  });
  expect(await docker(["load"], dockerArchive(starterRecipe()))).toMatchObject({ code: 0 });
});
afterEach(() => {
  for (const plugin of [first, second]) {
    plugin.rule = () => ALLOW;
    plugin.told.length = 0;
  }
});
afterAll(async () => {
  await engine?.[Symbol.asyncDispose]();
  for (const { server } of [first, second]) server.close();
  rmSync(root, { recursive: true, force: true });
});

async function docker(
  args: readonly string[],
  input: string | Uint8Array = "",
  where: readonly string[] = ["-H", `unix://${engine.socket}`],
): Promise<Outcome> {
  const child = spawn("docker", [...where, ...args], { env: { ...process.env, DOCKER_CONFIG: root } });
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  return await finish(child);
}

async function ask(
  method: string,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; text: string }> {
  const sent = request({ socketPath: engine.socket, method, path, headers });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [import("node:http").IncomingMessage];
  return { status: response.statusCode ?? 0, text: Buffer.concat(await response.toArray()).toString() };
}

const JSON_TYPE = { "Content-Type": "application/json" };

describe("authorization plugins", () => {
  test("are told of request and answer, both in order, and listed by info", async () => {
    const made = await docker(["create", "--name", "made", STARTER, "true"]);
    expect(made.code).toBe(0);
    for (const plugin of [first, second]) {
      expect(plugin.of("AuthZReq", "/containers/create?name=made")).toEqual([
        expect.objectContaining({
          RequestMethod: "POST",
          RequestHeaders: expect.objectContaining({ "Content-Type": "application/json" }) as object,
          RequestBody: expect.objectContaining({ Image: STARTER, Cmd: ["true"] }) as object,
        }),
      ]);
      expect(plugin.of("AuthZRes", "/containers/create?name=made")).toEqual([
        expect.objectContaining({
          RequestBody: expect.objectContaining({ Image: STARTER }) as object,
          ResponseStatusCode: 201,
          ResponseHeaders: expect.objectContaining({ "Content-Type": "application/json" }) as object,
          ResponseBody: expect.objectContaining({ Id: made.stdout.trim() }) as object,
        }),
      ]);
    }
    const listed = await docker(["info", "--format", "{{json .Plugins.Authorization}}"]);
    expect(listed.stdout.trim()).toBe('["first","second"]');
    expect((await docker(["rm", "made"])).code).toBe(0);
  });

  test("the first denial wins, nothing is done, and later plugins hear nothing", async () => {
    first.rule = ({ RequestMethod }) =>
      RequestMethod === "POST" ? { Allow: false, Msg: "no changes today" } : ALLOW;
    const refused = await docker(["volume", "create", "kept-out"]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      "Error response from daemon: authorization denied by plugin first: no changes today",
    );
    expect(second.of("AuthZReq", "/volumes/create")).toEqual([]);
    expect(await ask("POST", "/volumes/create", "{}", JSON_TYPE)).toEqual({
      status: 403,
      text: '{"message":"authorization denied by plugin first: no changes today"}\n',
    });
    expect((await docker(["volume", "ls", "-q"])).stdout).not.toContain("kept-out");
  });

  test("an answer is held back until all allow it", async () => {
    second.rule = ({ method }) => (method === "AuthZRes" ? { Allow: false, Msg: "secret" } : ALLOW);
    const plain = await ask("GET", "/containers/json", "");
    const denied = { status: 403, text: '{"message":"authorization denied by plugin second: secret"}\n' };
    expect(plain).toEqual(denied);
    // An upgrade that is none is no way around.
    expect(await ask("GET", "/containers/json", "", { Connection: "Upgrade", Upgrade: "tcp" })).toEqual(
      denied,
    );
  });

  test("a plugin that errs or is gone denies", async () => {
    second.rule = () => ({ Allow: true, Err: "broken inside" });
    expect((await docker(["ps"])).stderr).toContain("plugin second failed with error: broken inside");
    second.rule = () => ALLOW;
    second.server.close();
    await once(second.server, "close");
    const refused = await ask("GET", "/containers/json", "");
    expect(refused.status).toBe(500);
    expect(refused.text).toMatch(/plugin second failed with error: connect ENOENT/);
    await once(second.server.listen(join(root, "second.sock")), "listening");
    expect((await docker(["ps"])).code).toBe(0);
  });

  test("streams and hijacked connections: the request is asked about, the bytes pass", async () => {
    const text = "typed\n".repeat(50_000);
    const ran = await docker(["run", "-i", "--name", "runs", STARTER, "cat"], text);
    expect(ran.stdout === text).toBe(true);
    expect((await docker(["logs", "runs"])).stdout === text).toBe(true);
    const logs = first.told.filter(({ RequestUri }) => RequestUri.includes("/logs"));
    expect(logs.map(({ method }) => method)).toEqual(["AuthZReq"]);
    expect((await docker(["start", "runs"])).code).toBe(0);
    expect((await docker(["rm", "-f", "runs"])).code).toBe(0);
    await docker(["run", "-d", "--name", "sleeps", STARTER, "sleep", "600"]);
    // The body of an exec's start comes with the upgrade.
    expect(await docker(["exec", "-i", "sleeps", "cat"], text)).toMatchObject({ code: 0, stdout: text });
    const started = first.told.filter(({ RequestUri }) => /\/exec\/\w+\/start$/.test(RequestUri));
    expect(started).toEqual([
      expect.objectContaining({ RequestBody: expect.objectContaining({ Detach: false }) as object }),
    ]);
    first.rule = ({ RequestUri }) =>
      RequestUri.endsWith("/start") ? { Allow: false, Msg: "stay out" } : ALLOW;
    // The CLI drops the words of whoever refuses its upgrade.
    expect((await docker(["exec", "sleeps", "true"])).stderr).toContain(
      "unable to upgrade to tcp, received 403",
    );
    first.rule = () => ALLOW;
    expect((await docker(["rm", "-f", "sleeps"])).code).toBe(0);
  });

  test("a JSON body that plugins could not see whole is refused, other bodies pass unseen", async () => {
    const padded = JSON.stringify({ Name: "padded", Labels: { pad: "x".repeat(1024 * 1024) } });
    for (const headers of [JSON_TYPE, { ...JSON_TYPE, "Transfer-Encoding": "chunked" }])
      expect(await ask("POST", "/volumes/create", padded, headers)).toEqual({
        status: 400,
        text: '{"message":"request body too large for authorization plugin: size exceeds 1048576 bytes"}\n',
      });
    const chunked = await ask("POST", "/volumes/create", JSON.stringify({ Name: "seen" }), {
      ...JSON_TYPE,
      "Transfer-Encoding": "chunked",
    });
    expect(chunked.status).toBe(201);
    expect(first.of("AuthZReq", "/volumes/create").at(-1)?.RequestBody).toMatchObject({ Name: "seen" });
    expect((await docker(["load"], dockerArchive(starterRecipe()))).code).toBe(0);
    const load = first.told.find(({ RequestUri }) => RequestUri.includes("/images/load"));
    expect(load?.RequestBody).toBeUndefined();
  });

  test("are told who a TLS client is, and never of secrets", async () => {
    const tls = [
      "-H",
      `tcp://127.0.0.1:${port}`,
      "--tlsverify",
      "--tlscacert",
      ca,
      "--tlscert",
      client.cert,
      "--tlskey",
      client.key,
    ];
    expect((await docker(["ps"], "", tls)).code).toBe(0);
    expect(first.told.at(-1)).toMatchObject({ User: "alice", UserAuthNMethod: "TLS" });
    first.told.length = 0;
    await ask("GET", "/_ping", "", {
      Authorization: "s3cret",
      "X-Registry-Auth": "s3cret",
      "X-Other": "shown",
    });
    await ask("POST", "/auth?x=1", '{"password":"s3cret"}', JSON_TYPE);
    expect(first.told.length).toBeGreaterThanOrEqual(3);
    expect(first.told[0]?.User).toBeUndefined();
    expect(first.told[0]?.RequestHeaders["X-Other"]).toBe("shown");
    expect(JSON.stringify(first.told)).not.toContain("s3cret");
  });

  test("the engine does not start without a plugin that was named, or on one of another kind", async () => {
    const main = join(import.meta.dirname, "../../packages/engine/src/main.ts");
    const run = async (name: string): Promise<Outcome> =>
      await finish(
        spawn(process.execPath, [
          main,
          "--data-root",
          join(root, "data"),
          "--state-root",
          join(root, "state"),
          "--plugin-root",
          root,
          "--authorization-plugin",
          name,
        ]),
      );
    expect(await run("nobody")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(
        'longshore: --authorization-plugin nobody: plugin "nobody" not found',
      ) as string,
    });
    first.implements = ["VolumeDriver"];
    expect(await run("first")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('implements ["VolumeDriver"], want "authz" among them') as string,
    });
    first.implements = ["authz"];
  });
});
