import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Docker, openDocker, raw, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => (docker = await openDocker()));
afterAll(() => docker[Symbol.asyncDispose]());

type Answer = Readonly<Record<string, unknown>>;

async function ask(version: string, method: string, path: string, body?: object): Promise<Answer> {
  const text = body && JSON.stringify(body);
  const { status, message } = await raw(docker.socket, method, `/v${version}${path}`, text);
  expect([status, status < 400 ? "" : message]).toEqual([status < 400 ? status : 200, ""]);
  return JSON.parse(message === "" ? "{}" : message) as Answer;
}

/** Of a container that was made by a client of that version. */
async function made(version: string, host: object, config: object = {}): Promise<Answer> {
  const body = { Image: STARTER, ...config, HostConfig: host };
  const { Id } = (await ask(version, "POST", "/containers/create", body)) as { Id: string };
  const shown = await ask(version, "GET", `/containers/${Id}/json`);
  await ask(version, "DELETE", `/containers/${Id}`);
  return shown;
}

test("before 1.40 a container's shared memory is there for others to join", async () => {
  const modeOf = async (version: string, host: object): Promise<unknown> =>
    ((await made(version, host))["HostConfig"] as Answer)["IpcMode"];
  expect(await modeOf("1.39", {})).toBe("shareable");
  expect(await modeOf("1.40", {})).toBe("private");
  expect(await modeOf("1.39", { IpcMode: "private" })).toBe("private");
});

test("before 1.42 system/df tells of everything", async () => {
  const old = await ask("1.41", "GET", "/system/df?type=volume");
  expect(Object.keys(old).toSorted()).toEqual(
    expect.arrayContaining(["BuildCache", "BuilderSize", "Containers", "Images", "LayersSize", "Volumes"]),
  );
});

// An older engine has none of these.
describe.skipIf(process.env["DOCKER_PEER"] !== undefined)("from then on", () => {
  test("1.42 gives a console its size, and of the disk only what is asked for", async () => {
    for (const [version, ConsoleSize] of [
      ["1.41", [0, 0]],
      ["1.42", [10, 20]],
    ] as const)
      expect((await made(version, { ConsoleSize: [10, 20] }))["HostConfig"]).toMatchObject({ ConsoleSize });
    expect(Object.keys(await ask("1.42", "GET", "/system/df?type=volume"))).toEqual(["Volumes"]);
  });

  test.each([
    ["1.24", { BridgeNfIptables: true, Expected: true, FirewallBackend: false }],
    ["1.48", { BridgeNfIptables: true, Expected: true, FirewallBackend: false }],
    ["1.49", { BridgeNfIptables: true, Expected: false, FirewallBackend: true }],
    ["1.50", { BridgeNfIptables: false, Expected: false, FirewallBackend: true }],
  ] as const)("info of %s", async (version, wanted) => {
    const info = await ask(version, "GET", "/info");
    expect({
      BridgeNfIptables: "BridgeNfIptables" in info,
      Expected: "Expected" in (info["RuncCommit"] as object),
      FirewallBackend: "FirewallBackend" in info,
    }).toEqual(wanted);
  });

  test.each([
    [
      "/v1.23/info",
      "client version 1.23 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
    ],
    ["/v1.52/info", "client version 1.52 is too new. Maximum supported API version is 1.51"],
    ["/v2.0/info", "client version 2.0 is too new. Maximum supported API version is 1.51"],
  ])("%s is refused", async (path, message) => {
    expect(await raw(docker.socket, "GET", path)).toEqual({ status: 400, message });
  });
});
