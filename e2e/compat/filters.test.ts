import { freePort } from "@longshore/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, raw, STARTER } from "./docker.ts";

let docker: Docker;
beforeAll(async () => (docker = await openDocker()));
afterAll(() => docker[Symbol.asyncDispose]());

/** Names that `docker LIST --filter …` shows, of those that begin with `prefix`. */
async function listed(prefix: string, list: readonly string[], filters: readonly string[]): Promise<string> {
  const asked = filters.flatMap((filter) => ["--filter", filter]);
  const column = list[0] === "ps" ? "{{.Names}}" : "{{.Name}}";
  const names = await docker.ok(...list, ...asked, "--format", column);
  const own = names.split("\n").filter((name) => name.startsWith(prefix));
  return own
    .map((name) => name.slice(prefix.length))
    .toSorted()
    .join(" ");
}

test("containers: ports by their number outside or inside, volumes by source too, an exit code by number", async () => {
  const prefix = docker.fresh("filter");
  const [volume, port] = [docker.fresh("filter-volume"), await freePort()];
  const made = [`${prefix}-up`, `${prefix}-ended`];
  await docker.ok(
    "run",
    "-d",
    "--name",
    made[0] ?? "",
    "-p",
    `127.0.0.1:${port}:8080`,
    "--expose",
    "9000-9002/udp",
    "-v",
    `${volume}:/data`,
    "-v",
    "/etc:/host:ro",
    STARTER,
    "sleep",
    "1000",
  );
  await docker("run", "--name", made[1] ?? "", STARTER, "sh", "-c", "exit 3");
  for (const [filters, names] of [
    [[`publish=${port}`], "-up"],
    [[`publish=${port - 1}-${port + 1}/tcp`], "-up"],
    [["publish=8080"], ""],
    [[`publish=${port}/udp`], ""],
    [["expose=8080"], "-up"],
    [["expose=9001/udp"], "-up"],
    [["expose=8999-9000/udp"], "-up"],
    [["expose=9001"], ""],
    [["publish=1", "expose=8080"], "-up"],
    [["volume=/etc"], "-up"],
    [["volume=/host"], "-up"],
    [[`volume=${volume}`], "-up"],
    [["exited=3"], "-ended"],
    [["exited=0"], ""],
  ] as const)
    expect([filters, await listed(prefix, ["ps", "-a"], filters)]).toEqual([filters, names]);
  // Only a status shows what has ended without being asked for all.
  expect(await listed(prefix, ["ps"], ["exited=3"])).toBe("");
  expect(await listed(prefix, ["ps"], ["status=exited"])).toBe("-ended");
  await docker.ok("rm", "-f", ...made);
});

test("networks and volumes: a name is a regular expression", async () => {
  const prefix = docker.fresh("regular");
  for (const kind of ["network", "volume"]) {
    for (const name of [prefix, `${prefix}-two`]) await docker.ok(kind, "create", name);
    for (const [filter, names] of [
      [`name=${prefix}`, " -two"],
      [`name=^${prefix}$`, ""],
      ["name=two$", "-two"],
      ["name=^two", undefined],
    ] as const) {
      const shown = await listed(prefix, [kind, "ls"], [filter]);
      expect([kind, filter, shown.trim()]).toEqual([kind, filter, (names ?? "").trim()]);
    }
    await docker.ok(kind, "rm", prefix, `${prefix}-two`);
  }
});

test.skipIf(process.env["DOCKER_PEER"] !== undefined).each([
  ["containers/json", { publish: ["80:80"] }, "filter for 'publish' should not contain ':': 80:80"],
  ["containers/json", { expose: ["x"] }, /^error while looking up for expose x/],
  ["containers/json", { health: ["bad"] }, "Unrecognised filter value for health: bad"],
  ["containers/json", { exited: ["x"] }, /exited=x/],
  ["images/json", { reference: ["["] }, "syntax error in pattern"],
] as const)("GET /%s refuses %j", async (path, filters, words) => {
  const query = encodeURIComponent(JSON.stringify(filters));
  const { status, message } = await raw(docker.socket, "GET", `/${path}?filters=${query}`);
  expect(status).toBe(400);
  if (typeof words === "string") expect(message).toBe(words);
  else expect(message).toMatch(words);
});
