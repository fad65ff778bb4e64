import { request } from "node:http";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { dockerArchive, type EngineUnderTest, fuzzed, starterRecipe, startEngine } from "@longshore/testkit";
import { allRoutes, type Rooms } from "./index.ts";

const STARTER = "longshore/starter:latest";
let engine: EngineUnderTest;
beforeAll(async () => {
  engine = await startEngine({ flags: ["--registry-mirror", "http://127.0.0.1:1"] });
  await loadStarter();
});
afterAll(() => engine[Symbol.asyncDispose]());

const loadStarter = (): Promise<Answer> =>
  send("POST", "/images/load", dockerArchive(starterRecipe()), { type: "application/x-tar", isWhole: true });

/** A running container for the next request; the ones before may have ended, renamed or removed it. */
async function provideVictim(): Promise<void> {
  const body = JSON.stringify({ Image: STARTER, Cmd: ["sleep", "1000"], StopTimeout: 0 });
  const whole = (method: string, path: string, text = ""): Promise<Answer> =>
    send(method, path, text, { isWhole: true });
  if ((await whole("POST", "/containers/victim/start")).status === 304) return;
  await whole("DELETE", "/containers/victim?force=1");
  // A prune may have taken the image while no container used it.
  if ((await whole("GET", `/images/${STARTER}/json`)).status === 404) await loadStarter();
  expect(await whole("POST", "/containers/create?name=victim", body)).toMatchObject({ status: 201 });
  await whole("POST", "/containers/victim/start");
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Sends one request; a stream that goes on is left after its head and a moment, unless the whole answer is wanted. */
function send(
  method: string,
  path: string,
  body: string | Uint8Array = "",
  { type = "application/json", isWhole = false }: { type?: string; isWhole?: boolean } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": type, "Content-Length": Buffer.byteLength(body) };
    const sent = request({ socketPath: engine.socket, method, path, headers, agent: false }, (response) => {
      let text = "";
      const status = response.statusCode ?? 0;
      const isLong = isWhole || status >= 400;
      const leave = setTimeout(() => (response.destroy(), resolve({ status, text })), isLong ? 60_000 : 100);
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("error", () => {});
      response.on("close", () => (clearTimeout(leave), resolve({ status, text })));
    });
    const slow = setTimeout(
      () => (sent.destroy(), resolve({ status: 0, text: "" })),
      isWhole ? 60_000 : 1000,
    );
    sent.once("close", () => clearTimeout(slow));
    sent.once("error", (error) =>
      reject(new Error(`${method} ${path}: ${error.message}\n${engine.log().slice(-3000)}`)),
    );
    sent.end(body);
  });
}

/** Strings that mean something somewhere, and none that names a path of this machine worth making. */
const word = fc.oneof(
  fc.string({ maxLength: 12 }).map((text) => text.replaceAll("/", "_")),
  fc.constantFrom(
    "",
    "victim",
    "nosuch",
    "bridge",
    "host",
    "none",
    "container:victim",
    "80/tcp",
    "70000",
    "always",
    "on-failure",
    "SIGKILL",
    "local",
    "true",
    "-1",
    "1h",
    "10.251.0.0/24",
    "::1",
    "a=b",
    "0-1",
    "../..",
    "linux/amd64",
    "{",
    "null",
  ),
);
const names = [
  ..."Image Cmd Entrypoint Env Labels HostConfig NetworkingConfig EndpointsConfig ExposedPorts Volumes Healthcheck Test Interval Tty User WorkingDir StopSignal".split(
    " ",
  ),
  ..."Memory NanoCpus CpuQuota PidsLimit RestartPolicy Name MaximumRetryCount Mounts Type Target TmpfsOptions PortBindings HostPort HostIp Ulimits Soft Hard".split(
    " ",
  ),
  ..."LogConfig Config CapAdd SecurityOpt Sysctls Devices PathOnHost NetworkMode PidMode IpcMode ShmSize MemorySwap DeviceRequests ExtraHosts Dns".split(
    " ",
  ),
  ..."Container Force EndpointConfig IPAM Subnet Gateway Driver Options Internal EnableIPv6 DriverOpts Detach DetachKeys AttachStdout username password serveraddress".split(
    " ",
  ),
];
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    word,
    fc.integer({ min: -5, max: 100 }),
    fc.constantFrom<unknown>(null, true, false, 1e300, -1, 0.5, 2 ** 53, [], {}),
    fc.array(tie("any"), { maxLength: 3 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...names), word), tie("any"), { maxKeys: 5 }),
  ),
})).any;
const named = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 8 });
const create = named.map((fields) => ({ ...fields, Image: STARTER, Cmd: ["true"] }));
const body = fc.oneof(
  { weight: 5, arbitrary: fc.oneof(named, create).map((fields) => JSON.stringify(fields)) },
  {
    weight: 1,
    arbitrary: fc.oneof(
      value.map((any) => JSON.stringify(any)),
      fc.string(),
      fc.constant("[".repeat(50_000)),
    ),
  },
);
const queryNames =
  "name platform t signal h w filters fromImage fromSrc repo tag force all condition stream logs stdin stdout since until tail timestamps path size limit ps_args type detachKeys names container message changes noOverwriteDirNonDir one-shot details".split(
    " ",
  );
const query = fc
  .array(
    fc.tuple(
      fc.constantFrom(...queryNames),
      fc.oneof(
        word,
        value.map((any) => JSON.stringify(any) ?? ""),
      ),
    ),
    { maxLength: 4 },
  )
  .map((pairs) =>
    new URLSearchParams(
      // A pull would leave this machine.
      pairs.map(([name, text]): [string, string] => [
        name,
        name === "fromImage" || name === "fromSrc" ? `127.0.0.1:1/${text}` : text,
      ]),
    ).toString(),
  );
const parameter = fc.oneof({ weight: 4, arbitrary: fc.constant("victim") }, { weight: 1, arbitrary: word });

/** What ends the engine's service to the others, or takes minutes, or asks a registry: not for random input. */
const EXCLUDED = new Set([
  "/auth",
  "/longshore/v1/starter",
  "/images/{name*}/push",
  "/distribution/{name*}/json",
]);
const routes = allRoutes(new Proxy({}, { get: () => ({}) }) as Rooms).filter(
  (route) => !EXCLUDED.has(route.path),
);

test("no request, whatever it carries, is answered with 500, and the engine lives", async () => {
  const requests = fc.tuple(fc.constantFrom(...routes), fc.oneof(parameter), query, body);
  await fc.assert(
    fc.asyncProperty(requests, async ([route, name, search, content]) => {
      await provideVictim();
      const path =
        route.path.replaceAll(/\{\w+\*?\}/g, encodeURIComponent(name)) + (search === "" ? "" : `?${search}`);
      const answer = await send(
        route.method,
        path,
        route.method === "GET" || route.method === "HEAD" ? "" : content,
      );
      expect(answer, `${route.method} ${path} ${content.slice(0, 300)}`).not.toMatchObject({ status: 500 });
      if (answer.status >= 400 && route.method !== "HEAD")
        expect(typeof (JSON.parse(answer.text) as { message: unknown }).message).toBe("string");
    }),
    { ...fuzzed(200), timeout: 200_000 },
  );
  expect((await send("GET", "/_ping")).text).toBe("OK");
  expect(engine.log()).not.toContain("request failed");
}, 600_000);
