import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Docker, openDocker, STARTER, until } from "./docker.ts";

let docker: Docker;
beforeAll(async () => (docker = await openDocker()));
afterAll(() => docker[Symbol.asyncDispose]());

interface Told {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Readonly<Record<string, string>> };
}

/** What `acts` has the engine tell of objects that `keeps` names, up to and with `last`. */
async function told(
  acts: () => Promise<unknown>,
  keeps: (event: Told) => boolean,
  last: string,
): Promise<readonly Told[]> {
  const since = String(Date.now() / 1000);
  await acts();
  return await until(last, async () => {
    const end = String(Date.now() / 1000);
    const text = await docker.ok("events", "--since", since, "--until", end, "--format", "{{json .}}");
    const lines = text === "" ? [] : text.split("\n").map((line) => JSON.parse(line) as Told);
    const kept = lines.filter(keeps);
    return actions(kept).includes(last) && kept;
  });
}

const ofContainer =
  (...names: readonly string[]) =>
  ({ Actor }: Told): boolean =>
    names.includes(Actor.Attributes["name"] ?? "");
const actions = (events: readonly Told[]): readonly string[] =>
  events.map(({ Type, Action }) => (Type === "container" ? Action : `${Type} ${Action}`));

test("what is asked of a container is told: exec, top, cp, export, commit, pause after a signal, restart", async () => {
  const name = docker.fresh("told");
  const folder = mkdtempSync(join(tmpdir(), "longshore-events-"));
  const seen = await told(
    async () => {
      await docker.ok("run", "-d", "--name", name, STARTER, "sleep", "1000");
      await docker.ok("exec", name, "true");
      await docker.ok("kill", "-s", "WINCH", name);
      // A signal that it lives on with keeps it from nothing.
      await docker.ok("pause", name);
      await docker.ok("unpause", name);
      await docker.ok("top", name);
      await docker.ok("cp", "/etc/hostname", `${name}:/tmp/in`);
      await docker.ok("cp", `${name}:/tmp/in`, join(folder, "out"));
      await docker.ok("export", name, "-o", join(folder, "tar"));
      await docker.ok("commit", name, `${name}:1`);
      await docker.ok("restart", "-t", "0", name);
      await docker.ok("rm", "-f", name);
      await docker.ok("rmi", `${name}:1`);
    },
    ofContainer(name, `${name}:1`),
    "destroy",
  ).finally(() => rmSync(folder, { recursive: true }));
  expect(actions(seen).filter((action) => !action.startsWith("kill"))).toEqual([
    "create",
    "start",
    "exec_create: true ",
    "exec_start: true ",
    "exec_die",
    "pause",
    "unpause",
    "top",
    "extract-to-dir",
    "archive-path",
    "export",
    "pause",
    "image tag",
    "commit",
    "unpause",
    "die",
    "stop",
    "start",
    "restart",
    "die",
    "destroy",
  ]);
});

test("an end with --rm is told in Docker's order: networks, volumes, the container", async () => {
  const name = docker.fresh("order");
  const volume = docker.fresh("order-volume");
  let id = "";
  const seen = await told(
    async () => {
      await docker.ok("volume", "create", volume);
      const mounts = ["-v", `${volume}:/data:ro`, "-v", "/anon"];
      id = await docker.ok("create", "--rm", "--name", name, ...mounts, STARTER, "true");
      await docker.ok("start", "-a", name);
    },
    ({ Actor }) => Actor.ID === id || Actor.Attributes["container"] === id,
    "destroy",
  );
  const [first, ...order] = actions(seen).slice(actions(seen).indexOf("die"));
  const last = order.pop();
  // Which of the two goes first makes no difference to anybody.
  expect([first, order.toSorted(), last]).toEqual([
    "die",
    ["network disconnect", "volume unmount", "volume unmount"],
    "destroy",
  ]);
  const mount = seen.find(({ Action, Actor }) => Action === "mount" && Actor.ID === volume);
  expect(mount?.Actor.Attributes).toEqual({
    container: id,
    destination: "/data",
    driver: "local",
    propagation: "",
    "read/write": "false",
  });
});

test("who waited for a container's removal finds its anonymous volumes gone", async () => {
  for (let round = 0; round < 5; round++) {
    const label = docker.fresh("anonymous");
    const mount = `type=volume,dst=/anon,volume-label=of=${label}`;
    await docker.ok("run", "--rm", "--mount", mount, STARTER, "true");
    expect(await docker.ok("volume", "ls", "-q", "--filter", `label=of=${label}`)).toBe("");
  }
});

test("who leaves by the detach keys is told of", async () => {
  const name = docker.fresh("detach");
  await docker.ok("run", "-dit", "--name", name, STARTER, "sh");
  const seen = await told(
    async () => {
      const wire = connect(docker.socket);
      wire.write(
        `POST /v1.41/containers/${name}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: engine\r\n` +
          "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
      );
      await new Promise<void>((done) => wire.once("data", () => done()));
      wire.write("\u0010\u0011");
      await new Promise<void>((done) => wire.resume().once("end", done));
      wire.destroy();
    },
    ofContainer(name),
    "detach",
  );
  expect(actions(seen)).toEqual(["attach", "detach"]);
});

test("an image's events have its id, and its name; every prune is told", async () => {
  const name = docker.fresh("pruned");
  const id = await docker.ok("image", "inspect", "--format", "{{.Id}}", STARTER);
  const seen = await told(
    async () => {
      await docker.ok("tag", STARTER, `${name}:1`);
      const saved = join(mkdtempSync(join(tmpdir(), "longshore-events-")), "tar");
      await docker.ok("save", `${name}:1`, "-o", saved);
      await docker.ok("load", "-i", saved);
      rmSync(join(saved, ".."), { recursive: true });
      await docker.ok("rmi", `${name}:1`);
      for (const kind of ["container", "volume", "network", "image", "builder"])
        await docker.ok(kind, "prune", "-f", ...(kind === "builder" ? [] : ["--filter", `label=${name}`]));
    },
    ({ Type, Action, Actor }) => Action === "prune" || (Type === "image" && Actor.ID === id),
    "builder prune",
  );
  expect(
    seen.map(({ Type, Action, Actor }) =>
      Action === "prune"
        ? `${Type} prune ${Actor.ID}${Actor.Attributes["reclaimed"]}`
        : `${Action} ${Actor.Attributes["name"]}`,
    ),
  ).toEqual([
    `tag ${name}:1`,
    `save ${id}`,
    `load ${id}`,
    `untag ${id}`,
    ...["container", "volume", "network", "image", "builder"].map((kind) => `${kind} prune 0`),
  ]);
});

test("filters: the begin of a name or an id, an image with and without its tag, nothing for an empty list", async () => {
  const name = docker.fresh("filtered");
  const since = String(Date.now() / 1000);
  const id = await docker.ok("create", "--name", name, "--label", "kind=a", STARTER);
  await docker.ok("rm", name);
  const count = async (filters: object): Promise<number> => {
    const end = String(Date.now() / 1000);
    const query = new URLSearchParams({ since, until: end, filters: JSON.stringify(filters) });
    const answer = await fetchText(`/v1.41/events?${query.toString()}`);
    return answer.split("\n").filter((line) => line.includes(id)).length;
  };
  await sleep(5);
  for (const [filters, wanted] of [
    [{ container: [id.slice(0, 5)] }, 2],
    [{ container: [name.slice(0, -1)] }, 2],
    [{ container: ["no-such"] }, 0],
    [{ image: [STARTER] }, 2],
    [{ image: ["longshore/starter"] }, 2],
    [{ image: ["longshore"] }, 0],
    [{ label: ["kind=a"], event: ["destroy", "create"] }, 2],
    [{ label: ["kind=b"] }, 0],
    [{ type: [], container: [] }, 2],
    [{ type: {}, container: {} }, 2],
    [{ type: { container: true }, scope: { swarm: true } }, 0],
  ] as const)
    expect([filters, await count(filters)]).toEqual([filters, wanted]);
});

async function fetchText(path: string): Promise<string> {
  const { request } = await import("node:http");
  return await new Promise((done, fail) => {
    const sent = request({ socketPath: docker.socket, path }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.once("end", () => done(text));
    });
    sent.once("error", fail);
    sent.end();
  });
}
